import Basics

/// How the next token is drawn from the logits.
public struct SamplingParameters: Sendable, Equatable {
    /// 0 takes the most likely token.
    public var temperature: Double
    /// Only the k most likely tokens; 0 for all.
    public var topK: Int
    /// Only the most likely tokens that together reach this probability (Holtzman et al., 2020); 1 for all.
    public var topP: Double
    public var seed: UInt64

    public init(temperature: Double = 0, topK: Int = 0, topP: Double = 1, seed: UInt64 = 42) {
        self.temperature = temperature
        self.topK = topK
        self.topP = topP
        self.seed = seed
    }

    public static let greedy = SamplingParameters()

    var isGreedy: Bool { !(temperature > 0) }
}

/// Draws tokens. The same parameters and logits draw the same tokens.
public struct LogitSampler: Sendable {
    private let parameters: SamplingParameters
    private var generator: SplitMix64

    public init(_ parameters: SamplingParameters) {
        self.parameters = parameters
        generator = SplitMix64(seed: parameters.seed)
    }

    /// The index of the drawn token. Ties go to the smaller index.
    public mutating func sample(_ logits: [Float]) -> Int { logits.withUnsafeBufferPointer { sample($0) } }

    /// The index of the drawn token. Ties go to the smaller index.
    public mutating func sample(_ logits: UnsafeBufferPointer<Float>) -> Int {
        let mostLikely = Self.largest(logits)
        guard !parameters.isGreedy, logits[mostLikely].isFinite else { return mostLikely }
        let (tokens, weights) = candidates(logits, peak: Double(logits[mostLikely]))
        var left = generator.unit() * weights.reduce(0, +)
        for (token, weight) in zip(tokens, weights) {
            left -= weight
            if left < 0 { return token }
        }
        return tokens.last ?? mostLikely
    }

    /// Tokens whose probability is less than e^-25 of the most likely one's are never drawn: all of them together, in a
    /// vocabulary of 100,000, would be less often than once in 700,000 draws.
    private static let reach = 25.0

    /// What may be drawn, and its weight, which is the probability in an unknown unit.
    private func candidates(
        _ logits: UnsafeBufferPointer<Float>, peak: Double
    ) -> (tokens: [Int], weights: [Double]) {
        func weight(_ token: Int) -> Double { exp((Double(logits[token]) - peak) / parameters.temperature) }
        let reach = Self.reach * parameters.temperature
        let all = logits.indices.filter { Double(logits[$0]) >= peak - reach }
        let isCounted = parameters.topK > 0 && parameters.topK < logits.count, isMeasured = parameters.topP < 1
        guard isCounted || isMeasured else { return (all, all.map(weight)) }
        let count = isCounted ? min(parameters.topK, all.count) : all.count
        // Of all, where no count limits them; else that of the first `count` is known when they are.
        let mass = isMeasured && count == all.count ? all.reduce(0) { $0 + weight($1) } : nil
        // A few of the most likely ones, then more: sorting all of them takes longer than a token does.
        for width in sequence(first: parameters.temperature, next: { 2 * $0 }) {
            let isAll = width >= reach
            var tokens = isAll ? all : all.filter { Double(logits[$0]) >= peak - width }
            guard isAll || tokens.count >= count || mass != nil else { continue }
            tokens.sort { (logits[$1], $0) < (logits[$0], $1) }
            tokens.removeLast(max(0, tokens.count - count))
            let weights = tokens.map(weight)
            guard isMeasured else { return (tokens, weights) }
            let limit = (mass ?? weights.reduce(0, +)) * parameters.topP
            var sum = 0.0
            let last = weights.firstIndex { weight in
                sum += weight
                return sum >= limit
            }
            guard last != nil || isAll || mass == nil else { continue }
            let kept = (last ?? weights.count - 1) + 1
            return (Array(tokens[..<kept]), Array(weights[..<kept]))
        }
        preconditionFailure("the widths grow until they reach all")
    }

    /// The index of the largest logit, the first of several.
    package static func largest(_ logits: UnsafeBufferPointer<Float>) -> Int {
        var best = 0
        for index in logits.indices where logits[index] > logits[best] { best = index }
        return best
    }
}
