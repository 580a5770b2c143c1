import Basics
import Transformer

/// How far a session's predictions are from those of another one, its reference, over the same texts.
///
/// Likelihoods hide what rounding and pruning do: some tokens become likelier and some less, and a mean over thousands
/// of them moves by chance as much as by what was done. A divergence has one sign.
public struct PredictionDivergence: Sendable, Equatable {
    /// What the reference makes of the texts.
    public private(set) var reference = Likelihood()
    private var sum = 0.0
    private var agreements = 0

    /// Predicted tokens: every token of a text after its first.
    public var tokens: Int { reference.tokens }

    /// The Kullback-Leibler divergence `E_q log(q / p)` of predictions p from the reference's q, in nats, averaged over
    /// tokens.
    public var perToken: Double { tokens == 0 ? 0 : sum / Double(tokens) }

    /// The share of tokens where both find the same one the most likely.
    public var sameLikeliest: Double { tokens == 0 ? 1 : Double(agreements) / Double(tokens) }

    public init() {}

    public static func += (total: inout PredictionDivergence, other: PredictionDivergence) {
        total.reference += other.reference
        total.sum += other.sum
        total.agreements += other.agreements
    }

    /// Tokens whose distributions are held in memory at once.
    private static let tokensTogether = 32

    /// Reads a text in both sessions, and measures its likelihood in the first one as ``Likelihood/of(_:in:onToken:)``
    /// does.
    ///
    /// - Parameter onToken: called after each predicted token.
    /// - Throws: ``DecoderError`` where the text does not fit into a context, or predictions are no numbers.
    /// - Precondition: both sessions are of models with the same vocabulary.
    public static func of(
        _ ids: [Int], in session: InferenceSession, from reference: InferenceSession, onToken: () -> Void = {}
    ) throws -> (likelihood: Likelihood, divergence: PredictionDivergence) {
        precondition(
            session.model.configuration.vocabularySize == reference.model.configuration.vocabularySize)
        var likelihood = Likelihood()
        var divergence = PredictionDivergence()
        session.reset()
        reference.reset()
        for first in stride(from: 0, to: ids.count - 1, by: tokensTogether) {
            let tokens = Array(ids[first..<min(first + tokensTogether, ids.count - 1)])
            var expected: [[Float]] = []
            try reference.forEachLogits(after: tokens) { expected.append(try Likelihood.logProbabilities($1)) }
            try session.forEachLogits(after: tokens) { index, logits in
                let found = try Likelihood.logProbabilities(logits)
                let token = ids[first + index + 1]
                likelihood.add(logProbability: Double(found[token]))
                divergence.add(found, expected[index], of: token)
                onToken()
            }
        }
        return (likelihood, divergence)
    }

    private mutating func add(_ found: [Float], _ expected: [Float], of token: Int) {
        reference.add(logProbability: Double(expected[token]))
        sum += Self.sum(found, from: expected)
        let likeliest = [found, expected].map { $0.withUnsafeBufferPointer(LogitSampler.largest) }
        agreements += likeliest[0] == likeliest[1] ? 1 : 0
    }

    /// The divergence of log-probabilities from a reference's, summed over the tokens that they are of.
    static func sum(_ logProbabilities: [Float], from reference: [Float]) -> Double {
        var sum = 0.0
        for (p, q) in zip(logProbabilities, reference) { sum += Double(exp(q)) * Double(q - p) }
        // Rounding may leave equal distributions a hair below zero.
        return max(0, sum)
    }
}
