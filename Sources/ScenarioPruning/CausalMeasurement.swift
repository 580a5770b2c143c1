import Basics
import DomainBasis
import Tokenizers
import Transformer

/// Causal importance: the mean KL divergence of the next-token distribution, dense to unit-replaced-by-its-domain-mean,
/// over part of each domain's pool. Forward passes alone.
///
/// Heads are measured on texts that recall what they said before, see ``RecallTexts``, blocks on the pools' own. Heads
/// are replaced one at a time, each pass restarted from the ablated layer: a text of n tokens takes about n * heads *
/// layers * layers / 2 layer passes.
///
/// Feed-forward blocks are too many for that. The weaker half of a layer's blocks is replaced at once, in one pass, and
/// what it costs is shared out to the layer's blocks by the variance of their writes.
public struct CausalMeasurement {
    /// How much is read.
    public struct Budget: Sendable, Codable, Equatable {
        /// Tokens of each domain's pool that heads are measured on.
        public var headTokens = 2500
        /// The same for feed-forward blocks; 0 leaves them out.
        public var feedForwardTokens = 1000
        /// Next tokens drawn at each position.
        public var draws = 16

        public init() {}

        func tokens(_ kind: UnitKind) -> Int { kind == .heads ? headTokens : feedForwardTokens }
    }

    /// What has been measured so far; saved after each text, so that a stopped run goes on from there.
    package struct State: Codable, Equatable {
        /// Divergences without a head, `[layers * heads * domains]`, and without the weaker half of a layer's blocks,
        /// `[layers * domains]`, times tokens.
        var sums: [UnitKind: [Double]] = [:]
        /// The tokens read, `[domains]`.
        var tokens: [UnitKind: [Int]] = [:]
        /// Texts done, `[domains]`.
        var texts: [UnitKind: [Int]] = [:]

        package init() {}

        /// Whether what it holds of a kind is of so many values, and of the first of these texts, `[domains][texts]`.
        func fits(_ kind: UnitKind, values: Int, pools: [[[Int]]]) -> Bool {
            guard let sums = sums[kind], let tokens = tokens[kind], let texts = texts[kind] else {
                return sums[kind] == nil && tokens[kind] == nil && texts[kind] == nil
            }
            guard sums.count == values * pools.count,
                sums.allSatisfy((0...Double(Float.greatestFiniteMagnitude)).contains), tokens.count == pools.count,
                texts.count == pools.count
            else { return false }
            return pools.indices.allSatisfy { domain in
                let (done, pool) = (texts[domain], pools[domain])
                return (0...pool.count).contains(done)
                    && tokens[domain] == pool.prefix(done).reduce(0) { $0 + $1.count }
            }
        }
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
        let shuffled = pools.map { $0.texts.shuffled(using: &generator) }
        let recalling = shuffled.map { RecallTexts.make(of: $0, using: &generator) }
        let longest = min(Self.longestText, model.configuration.contextLength)
        var texts: [UnitKind: [[[Int]]]] = [:]
        for kind in UnitKind.allCases {
            texts[kind] = (kind == .heads ? recalling : shuffled).map { pool in
                var left = budget.tokens(kind)
                var read: [[Int]] = []
                for text in pool where left > 0 {
                    let tokens = Array(model.tokenizer.encodeText(text).prefix(longest))
                    read.append(tokens)
                    left -= tokens.count
                }
                return read
            }
        }
        self.texts = texts
    }

    /// What is left out of each layer for a kind, one after the other: every head, or the weaker half of the blocks.
    private func measuredPerLayer(_ kind: UnitKind) -> Int { kind == .heads ? model.configuration.heads : 1 }

    /// Passes over a text that all of it takes.
    var totalPasses: Int {
        UnitKind.allCases.reduce(0) { sum, kind in
            sum + measuredPerLayer(kind) * model.layers.count * (texts[kind] ?? []).reduce(0) { $0 + $1.count }
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
            let values = measuredPerLayer(kind) * model.layers.count
            let pools = texts[kind] ?? []
            let domains = pools.count
            if !state.fits(kind, values: values, pools: pools) { state = State() }
            state.sums[kind] = state.sums[kind] ?? Array(repeating: 0, count: values * domains)
            state.tokens[kind] = state.tokens[kind] ?? Array(repeating: 0, count: domains)
            state.texts[kind] = state.texts[kind] ?? Array(repeating: 0, count: domains)
            for (domain, pool) in pools.enumerated() {
                let done = state.texts[kind]![domain]
                passes += done * values
                guard done < pool.count else { continue }
                let ablations = try ablations(kind, domain: domain)
                for index in done..<pool.count {
                    // A generator for each text: a resumed run draws what an unbroken one would have.
                    var generator = SplitMix64(seed: seed &+ UInt64(index) &* 64 &+ UInt64(domain))
                    let text = try reading.read(pool[index], generator: &generator)
                    let measured = try ablations.map { layer, pathway in
                        defer {
                            passes += 1
                            onPass(passes)
                        }
                        return try reading.divergence(of: text, along: pathway, from: layer)
                    }
                    guard measured.allSatisfy(\.isFinite) else { throw DecoderError.notANumber }
                    for (i, value) in measured.enumerated() {
                        // A divergence of next to nothing may be rounded to less.
                        state.sums[kind]![i * domains + domain] += max(value, 0) * Double(text.tokenCount)
                    }
                    state.tokens[kind]![domain] += text.tokenCount
                    state.texts[kind]![domain] += 1
                    try save(state)
                }
            }
            switch kind {
            case .heads: result.heads.tables[.causal] = headTable(state, domains: domains)
            case .feedForward: result.feedForward.tables[.causal] = try blockTable(state, domains: domains)
            }
        }
        return result
    }

    private func headTable(_ state: State, domains: Int) -> UnitTable {
        let tokens = state.tokens[.heads] ?? []
        let values = (state.sums[.heads] ?? []).enumerated().map {
            Float($1 / Double(max(tokens[$0 % domains], 1)))
        }
        return UnitTable(
            layers: model.configuration.layers, units: model.configuration.heads, domains: domains, values: values)
    }

    /// The divergence without the weaker half of a layer's blocks, shared out to all of its blocks by the variance of
    /// their writes. It is that of all domains: it differs little between them, and is measured with less noise over
    /// all.
    private func blockTable(_ state: State, domains: Int) throws(PruningError) -> UnitTable {
        var table = try writeVariance()
        let tokens = (state.tokens[.feedForward] ?? []).reduce(0, +)
        let sums = state.sums[.feedForward] ?? []
        for layer in 0..<table.layers {
            let divergence = sums[layer * domains..<(layer + 1) * domains].reduce(0, +) / Double(max(tokens, 1))
            let variance = (0..<domains).reduce(0.0) { sum, domain in
                weakerHalf(table, layer, domain).reduce(sum) { $0 + Double(table[layer, $1, domain]) }
            }
            // Where the weaker half writes the same always, nothing tells what the stronger one is worth.
            let share = variance > 0 ? Float(divergence * Double(domains) / variance) : 0
            for unit in 0..<table.units {
                for domain in 0..<domains { table[layer, unit, domain] *= share }
            }
        }
        return table
    }

    private func writeVariance() throws(PruningError) -> UnitTable {
        guard let table = importance.feedForward.tables[.fluctuation] else {
            throw .unmeasuredCriterion(PruningCriterion.fluctuation.rawValue, measured: [])
        }
        return table
    }

    /// The half of a layer's units with the smallest values, of equal ones the first.
    private func weakerHalf(_ table: UnitTable, _ layer: Int, _ domain: Int) -> ArraySlice<Int> {
        let ascending = (0..<table.units).sorted { (table[layer, $0, domain], $0) < (table[layer, $1, domain], $1) }
        return ascending.prefix((table.units + 1) / 2)
    }

    /// What the divergences of a kind are measured along, layer by layer.
    private func ablations(_ kind: UnitKind, domain: Int) throws -> [(layer: Int, pathway: Pathway)] {
        let products = try kind.meanProducts(of: model, layers: 1)
        func ablation(of units: Set<Int>, in layer: Int) -> (Int, Pathway) {
            (layer, dense(without: units, of: kind, in: layer, domain: domain, by: products))
        }
        switch kind {
        case .heads:
            let heads = 0..<model.configuration.heads
            return model.layers.indices.flatMap { layer in heads.map { ablation(of: [$0], in: layer) } }
        case .feedForward:
            let variance = try writeVariance()
            return model.layers.indices.map { ablation(of: Set(weakerHalf(variance, $0, domain)), in: $0) }
        }
    }

    /// The dense model without some units of one layer, which their domain's mean replaces.
    private func dense(
        without units: Set<Int>, of kind: UnitKind, in layer: Int, domain: Int, by products: VectorProducts
    ) -> Pathway {
        let kept = (0..<kind.count(model.configuration)).filter { !units.contains($0) }
        let mixture = importance[kind].means[layer].indices.map { $0 == domain ? 1.0 : 0 }
        let write = kind.meanWrites(
            [(layer, Array(units))], importance[kind], mixture: mixture, of: model, by: products)[0]
        func inLayer<Value>(_ value: Value, elsewhere: Value) -> [Value] {
            model.layers.indices.map { $0 == layer ? value : elsewhere }
        }
        let biases = inLayer(write, elsewhere: [])
        let all = Array(0..<kind.count(model.configuration))
        switch kind {
        case .heads: return Pathway(keptHeads: inLayer(kept, elsewhere: all), biases: biases)
        case .feedForward:
            let heads = Array(0..<model.configuration.heads)
            return Pathway(
                keptHeads: model.layers.map { _ in heads }, keptBlocks: inLayer(kept, elsewhere: all),
                channelOrder: model.channelOrder, feedForwardBiases: biases)
        }
    }
}
