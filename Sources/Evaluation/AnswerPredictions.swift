/// What a model predicts at every token of a given answer.
public struct AnswerPredictions: Sendable {
    /// Longer answers are measured over this many tokens: the distributions of a whole answer are held in memory.
    public static let tokenLimit = 256

    /// The answer's tokens, at most ``tokenLimit``.
    public let tokens: [Int]
    /// Log-probabilities, `[tokens][vocabulary]`.
    private var logProbabilities: [Float] = []

    /// - Throws: ``DecoderError`` where the answer does not fit into the context, or a prediction is no number.
    public init(of answer: [Int], after prompt: PromptReading) throws {
        let tokens = Array(answer.prefix(Self.tokenLimit))
        self.tokens = tokens
        try prompt.forEachPrediction(of: tokens) { _, logits in
            logProbabilities += try Likelihood.logProbabilities(logits)
        }
    }

    /// The negative log-likelihood of the answer, in nats per token; nil for an answer without tokens.
    public var nllPerToken: Double? {
        guard !tokens.isEmpty else { return nil }
        let vocabulary = logProbabilities.count / tokens.count
        let sum = tokens.enumerated().reduce(0) { $0 - Double(logProbabilities[$1.offset * vocabulary + $1.element]) }
        return sum / Double(tokens.count)
    }

    /// The Kullback-Leibler divergence `E_q log(q / p)` of these predictions p from the reference's q, in nats,
    /// averaged over the answer's tokens; nil for an answer without tokens.
    ///
    /// - Precondition: both predict the same tokens of the same vocabulary.
    public func divergence(from reference: AnswerPredictions) -> Double? {
        precondition(tokens == reference.tokens && logProbabilities.count == reference.logProbabilities.count)
        guard !tokens.isEmpty else { return nil }
        return PredictionDivergence.sum(logProbabilities, from: reference.logProbabilities) / Double(tokens.count)
    }
}
