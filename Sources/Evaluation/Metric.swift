/// What is averaged over turns.
public enum Metric: String, Sendable, Codable, CaseIterable {
    /// The score of the written answer.
    case accuracy
    /// Whether the right option's text is the likeliest; multiple choices alone, as the next two.
    case likelihoodAccuracy
    /// The same by log-likelihood per byte of text.
    case likelihoodAccuracyNormalized
    /// Whether the right option's letter is the likeliest.
    case letterAccuracy
    /// Nats per token of the right answer.
    case answerNLL
    /// KL divergence of the predictions from the dense model's over the right answer, nats per token; 0 for dense.
    case klToDense

    /// The value of one turn; nil where it was not measured.
    public func value(of result: TurnResult) -> Double? {
        let options = result.likelihood?.options
        return switch self {
        case .accuracy: result.score
        case .likelihoodAccuracy: options.map { $0.textIsRight ? 1 : 0 }
        case .likelihoodAccuracyNormalized: options.map { $0.normalizedTextIsRight ? 1 : 0 }
        case .letterAccuracy: options.map { $0.letterIsRight ? 1 : 0 }
        case .answerNLL: result.likelihood?.answerNLL
        case .klToDense: result.likelihood?.klToDense
        }
    }
}
