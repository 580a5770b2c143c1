/// The likelihood of a file's texts, each along its scenario's pathway.
public struct PerplexityEvaluation: Sendable {
    public private(set) var total = Likelihood()
    public private(set) var groups: [String: Likelihood] = [:]
    /// From the dense model in single precision; nil where it was not measured.
    public private(set) var divergence: PredictionDivergence?
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
        _ likelihood: Likelihood, _ divergence: PredictionDivergence? = nil, group: String?,
        prunedFraction: Double = 0, multiplyAddsRemoved: Double = 0
    ) {
        total += likelihood
        if let divergence {
            var sum = self.divergence ?? PredictionDivergence()
            sum += divergence
            self.divergence = sum
        }
        // A text of one token predicts nothing.
        if let group, likelihood.tokens > 0 { groups[group, default: Likelihood()] += likelihood }
        prunedFractionSum += prunedFraction * Double(likelihood.tokens)
        multiplyAddsRemovedSum += multiplyAddsRemoved * Double(likelihood.tokens)
    }
}
