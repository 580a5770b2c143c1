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
        guard !parameters.isGreedy else { return Self.largest(logits) }
        var candidates = Array(logits.indices)
        let limited = parameters.topK > 0 && parameters.topK < candidates.count
        if limited || parameters.topP < 1 {
            candidates.sort { (logits[$1], $0) < (logits[$0], $1) }
            if limited { candidates.removeLast(candidates.count - parameters.topK) }
        }
        let peak = Double(logits[Self.largest(logits)])
        var weights = candidates.map { exp((Double(logits[$0]) - peak) / parameters.temperature) }
        if parameters.topP < 1 {
            let limit = weights.reduce(0, +) * parameters.topP
            var sum = 0.0
            let kept = weights.firstIndex { weight in
                sum += weight
                return sum >= limit
            }
            if let kept { weights.removeLast(weights.count - kept - 1) }
        }
        var left = generator.unit() * weights.reduce(0, +)
        for (index, weight) in weights.enumerated() {
            left -= weight
            if left < 0 { return candidates[index] }
        }
        return candidates[weights.count - 1]
    }

    static func largest(_ logits: UnsafeBufferPointer<Float>) -> Int {
        var best = 0
        for index in logits.indices where logits[index] > logits[best] { best = index }
        return best
    }
}
