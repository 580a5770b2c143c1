/// How a pathway differs from another one on the same turns.
public struct PathwayComparison: Sendable, Encodable, Equatable {
    /// A dataset's name, or ``SweepSummary/overallName``.
    public let dataset: String
    public let pathway: PathwayKind
    public let strength: Double
    /// What it is compared with: the dense model, or the blind pathway of the same strength.
    public let baseline: PathwayKind
    public let metric: Metric
    /// The mean over turns of the pathway's value minus the baseline's.
    public let difference: Double
    /// The 95% interval of the difference, by resampling scenarios; nil for one scenario, which says nothing of how
    /// scenarios differ.
    public let low: Double?
    public let high: Double?
    /// Two-sided, of the sign-flip test over scenarios; not corrected for the number of comparisons.
    public let pValue: Double
    public let scenarios: Int
    public let turns: Int

    public var interval: ConfidenceInterval? {
        guard let low, let high else { return nil }
        return ConfidenceInterval(low: low, high: high)
    }

    /// - Parameters:
    ///   - results: of the pathway.
    ///   - baseline: of what it is compared with, not empty; turns that only one of the two has are left out.
    /// - Returns: nil where no turn of both has the metric.
    init?(
        _ results: [TurnResult], with baseline: [TurnResult], by metric: Metric, dataset: String, seed: UInt64
    ) {
        let baselineValues = Dictionary(
            baseline.map { (TurnKey($0), metric.value(of: $0)) }, uniquingKeysWith: { first, _ in first })
        let clusters = SweepSummary.clusters(results) { result in
            guard let value = metric.value(of: result), let other = baselineValues[TurnKey(result)] ?? nil
            else { return nil }
            return value - other
        }
        guard let first = results.first, let kind = baseline.first?.pathway,
            let interval = ClusterBootstrap.interval(of: clusters, seed: seed)
        else { return nil }
        turns = clusters.reduce(0) { $0 + $1.count }
        scenarios = clusters.count
        difference = clusters.reduce(0) { $1.reduce($0, +) } / Double(turns)
        (low, high) = scenarios > 1 ? (interval.low, interval.high) : (nil, nil)
        pValue = SignFlipTest(clusters, seed: seed).pValue
        self.dataset = dataset
        pathway = first.pathway
        strength = first.strength
        self.baseline = kind
        self.metric = metric
    }

    private struct TurnKey: Hashable {
        let dataset: String
        let scenario: String
        let turn: Int

        init(_ result: TurnResult) {
            dataset = result.dataset
            scenario = result.scenario
            turn = result.turn
        }
    }
}
