/// The likelihood of a file's texts, each along its scenario's pathway.
public struct PerplexityEvaluation: Sendable {
    public private(set) var total = Likelihood()
    public private(set) var groups: [String: Likelihood] = [:]
    private var prunedFractionSum = 0.0
    private var multiplyAddsRemovedSum = 0.0

    /// The pruned fraction, averaged over predicted tokens.
    public var prunedFraction: Double { total.tokens == 0 ? 0 : prunedFractionSum / Double(total.tokens) }

    /// The fraction of the model's multiply-adds for each token that pathways did not do, averaged likewise.
    public var multiplyAddsRemoved: Double {
        total.tokens == 0 ? 0 : multiplyAddsRemovedSum / Double(total.tokens)
    }

    public init() {}

    public mutating func add(
        _ likelihood: Likelihood, group: String?, prunedFraction: Double = 0, multiplyAddsRemoved: Double = 0
    ) {
        total += likelihood
        // A text of one token predicts nothing.
        if let group, likelihood.tokens > 0 { groups[group, default: Likelihood()] += likelihood }
        prunedFractionSum += prunedFraction * Double(likelihood.tokens)
        multiplyAddsRemovedSum += multiplyAddsRemoved * Double(likelihood.tokens)
    }
}
