import Basics
import Transformer

/// The negative log-likelihood of texts, in nats.
public struct Likelihood: Sendable, Equatable, Codable {
    /// Predicted tokens: every token of a text after its first.
    public var tokens = 0
    public var nll = 0.0

    public var nllPerToken: Double { tokens == 0 ? 0 : nll / Double(tokens) }
    public var perplexity: Double { exp(nllPerToken) }

    public init() {}

    public static func += (sum: inout Likelihood, other: Likelihood) {
        sum.tokens += other.tokens
        sum.nll += other.nll
    }

    mutating func add(logProbability: Double) {
        tokens += 1
        nll -= logProbability
    }

    enum CodingKeys: String, CodingKey {
        case tokens, nll, nllPerToken
    }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        tokens = try container.decode(Int.self, forKey: .tokens)
        nll = try container.decode(Double.self, forKey: .nll)
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(tokens, forKey: .tokens)
        try container.encode(nll, forKey: .nll)
        try container.encode(nllPerToken, forKey: .nllPerToken)
    }

    /// The likelihood of a text's tokens after the first, read along a session's pathway.
    ///
    /// Nothing is added to the text, and a text longer than the context is an error, as are predictions that are no
    /// numbers.
    ///
    /// - Parameter onToken: called after each predicted token.
    public static func of(
        _ ids: [Int], in session: InferenceSession, onToken: () -> Void = {}
    ) throws -> Likelihood {
        var result = Likelihood()
        guard ids.count > 1 else { return result }
        session.reset()
        try session.forEachLogits(after: Array(ids.dropLast())) { index, logits in
            result.add(logProbability: Double(logits[ids[index + 1]]) - (try logSumExp(logits)))
            onToken()
        }
        return result
    }

    /// The logarithms of the predicted probabilities, `[vocabulary]`.
    ///
    /// - Throws: ``DecoderError/notANumber`` where they are none.
    static func logProbabilities(_ logits: UnsafeBufferPointer<Float>) throws(DecoderError) -> [Float] {
        let normalizer = Float(try logSumExp(logits))
        return logits.map { $0 - normalizer }
    }

    /// - Throws: ``DecoderError/notANumber`` where it is none.
    static func logSumExp(_ logits: UnsafeBufferPointer<Float>) throws(DecoderError) -> Double {
        var peak = -Float.infinity
        for logit in logits where logit > peak { peak = logit }
        var sum = 0.0
        for logit in logits { sum += Double(exp(logit - peak)) }
        let result = Double(peak) + log(sum)
        guard result.isFinite else { throw .notANumber }
        return result
    }
}
