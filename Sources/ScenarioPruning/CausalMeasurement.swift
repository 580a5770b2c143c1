import DomainBasis
import Foundation
import Tokenizers
import Transformer

/// Causal importance: the mean KL divergence of the next-token distribution, dense to unit-replaced-by-its-domain-mean,
/// over part of each domain's pool.
///
/// Forward passes alone, each restarted from the ablated layer: a text of n tokens takes about n * units * layers / 2
/// layer passes. See ``AblationReading`` for the estimate.
public struct CausalMeasurement {
    /// How much is read.
    public struct Budget: Sendable, Codable, Equatable {
        /// Tokens of each domain's pool that heads are measured on; 0 measures none.
        public var headTokens = 500
        /// The same for feed-forward blocks, of which there are more.
        public var blockTokens = 40
        /// Next tokens drawn at each position.
        public var draws = 16

        public init() {}

        func tokens(_ kind: UnitKind) -> Int { kind == .heads ? headTokens : blockTokens }
    }

    /// What has been measured so far; saved after each text, so that a stopped run goes on from there.
    package struct State: Codable, Equatable {
        /// Divergences times tokens, `[layers * units * domains]`, and the tokens read, `[domains]`.
        var sums: [UnitKind: [Double]] = [:]
        var tokens: [UnitKind: [Int]] = [:]
        /// Texts done, `[domains]`.
        var texts: [UnitKind: [Int]] = [:]

        package init() {}
    }

    /// A longer text is cut: what a unit does is seen within this many tokens.
    private static let longestText = 128

    private let model: DecoderModel
    private let importance: ModelImportance
    private let budget: Budget
    private let seed: UInt64
    /// The texts to read for each kind, `[domains][texts][tokens]`.
    private let texts: [UnitKind: [[[Int]]]]

    /// - Parameters:
    ///   - importance: holds the means that stand in for ablated units.
    ///   - pools: a pool for each domain.
    package init(
        _ model: DecoderModel, _ importance: ModelImportance, pools: [TextPool], budget: Budget, seed: UInt64
    ) {
        self.model = model
        self.importance = importance
        self.budget = budget
        self.seed = seed
        var generator = SplitMix64(seed: seed)
        let shuffled = pools.map { pool in
            pool.texts.shuffled(using: &generator).map { Array(model.tokenizer.encode($0).prefix(Self.longestText)) }
        }
        var texts: [UnitKind: [[[Int]]]] = [:]
        for kind in UnitKind.allCases {
            texts[kind] = shuffled.map { pool in
                var left = budget.tokens(kind)
                return Array(
                    pool.prefix { text in
                        defer { left -= text.count }
                        return left > 0
                    })
            }
        }
        self.texts = texts
    }

    /// Passes over a text that all of it takes.
    var totalPasses: Int {
        UnitKind.allCases.reduce(0) { sum, kind in
            let units = kind.count(model.configuration) * model.configuration.layers
            return sum + units * (texts[kind] ?? []).reduce(0) { $0 + $1.count }
        }
    }

    /// Measures what `state` does not hold yet.
    ///
    /// - Parameters:
    ///   - save: takes the state after each text.
    ///   - onPass: called after each pass with the number of passes done, those of an earlier run among them.
    /// - Returns: the importance with its causal tables.
    package func run(
        resuming state: State, save: (State) throws -> Void, onPass: (Int) -> Void
    ) throws -> ModelImportance {
        var state = state
        var result = importance
        let reading = try AblationReading(model, draws: budget.draws)
        var passes = 0
        for kind in UnitKind.allCases where budget.tokens(kind) > 0 {
            let units = kind.count(model.configuration) * model.configuration.layers
            let domains = texts[kind]?.count ?? 0
            state.sums[kind] = state.sums[kind] ?? Array(repeating: 0, count: units * domains)
            state.tokens[kind] = state.tokens[kind] ?? Array(repeating: 0, count: domains)
            state.texts[kind] = state.texts[kind] ?? Array(repeating: 0, count: domains)
            for (domain, pool) in (texts[kind] ?? []).enumerated() {
                let done = state.texts[kind]![domain]
                passes += done * units
                guard done < pool.count else { continue }
                let ablations = try ablations(kind, domain: domain)
                for index in done..<pool.count {
                    // A generator for each text: a resumed run draws what an unbroken one would have.
                    var generator = SplitMix64(seed: seed &+ UInt64(index) &* 64 &+ UInt64(domain))
                    let ids = pool[index]
                    let divergences = try reading.divergences(
                        of: ids, ablations: ablations, generator: &generator
                    ) {
                        passes += 1
                        onPass(passes)
                    }
                    for (unit, value) in divergences.enumerated() {
                        state.sums[kind]![unit * domains + domain] += value * Double(ids.count)
                    }
                    state.tokens[kind]![domain] += ids.count
                    state.texts[kind]![domain] += 1
                    try save(state)
                }
            }
            result[kind].tables[.causal] = table(kind, state, domains: domains)
        }
        return result
    }

    private func table(_ kind: UnitKind, _ state: State, domains: Int) -> UnitTable {
        let tokens = state.tokens[kind] ?? []
        let values = (state.sums[kind] ?? []).enumerated().map { Float($1 / Double(max(tokens[$0 % domains], 1))) }
        return UnitTable(
            layers: model.configuration.layers, units: kind.count(model.configuration), domains: domains,
            values: values)
    }

    /// The dense model without each unit, which its domain's mean replaces, `[layers * units]`.
    private func ablations(_ kind: UnitKind, domain: Int) throws -> [(layer: Int, pathway: Pathway)] {
        let configuration = model.configuration
        let units = kind.count(configuration)
        let heads = Array(0..<configuration.heads)
        return try model.layers.indices.flatMap { layer in
            try (0..<units).map { unit in
                let kept = Array(0..<units).filter { $0 != unit }
                let bias = try kind.meanWrite(
                    importance[kind].means[layer][domain], without: kept, in: layer, of: model)
                func inLayer<Value>(_ value: Value, elsewhere: Value) -> [Value] {
                    model.layers.indices.map { $0 == layer ? value : elsewhere }
                }
                let pathway =
                    switch kind {
                    case .heads:
                        Pathway(
                            keptHeads: inLayer(kept, elsewhere: heads), biases: inLayer(bias, elsewhere: []))
                    case .feedForward:
                        Pathway(
                            keptHeads: inLayer(heads, elsewhere: heads),
                            keptBlocks: inLayer(kept, elsewhere: Array(0..<units)),
                            feedForwardBiases: inLayer(bias, elsewhere: []))
                    }
                return (layer, pathway)
            }
        }
    }
}
