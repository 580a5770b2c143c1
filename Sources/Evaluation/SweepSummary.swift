/// A sweep's results by dataset and pathway, with intervals and comparisons.
public struct SweepSummary: Sendable {
    /// The name under which all datasets are taken together.
    public static let overallName = "overall"

    /// A mean over turns and its 95% interval, by resampling scenarios.
    public struct Estimate: Sendable, Equatable {
        public let mean: Double
        public let interval: ConfidenceInterval
        /// The scenarios that have the measure.
        public let scenarios: Int
    }

    /// The turns of one dataset along the pathways of one kind and strength.
    public struct Row: Sendable, Equatable {
        public let dataset: String
        public let pathway: PathwayKind
        public let strength: Double
        /// What was measured.
        public let estimates: [Metric: Estimate]
        /// The mean over turns, as in ``PathwayRecord``.
        public let prunedFraction: Double
        public let scenarios: Int
        public let turns: Int
        /// Generated tokens per second; nil where nothing was written.
        public let tokensPerSecond: Double?
        /// The dense model's time for this row's prompt and generated tokens over the time taken.
        public let speedup: Double?
        /// Mean over scenarios.
        public let compileMilliseconds: Double

        /// Mean score over turns; nil where nothing was written.
        public var accuracy: Double? { estimates[.accuracy]?.mean }

        /// A measure's interval to show; nil for one scenario, which says nothing of how scenarios differ.
        public func interval(of metric: Metric) -> ConfidenceInterval? {
            estimates[metric].flatMap { $0.scenarios > 1 ? $0.interval : nil }
        }
    }

    /// In the datasets' order, then by strength, dense first.
    public let rows: [Row]
    /// The same over all datasets.
    public let overall: [Row]
    /// Of every pathway with dense, and of scenarios' pathways with blind ones where those were run.
    public let comparisons: [PathwayComparison]

    /// - Parameters:
    ///   - results: in any order; dense ones give the speed and the values that others are compared with.
    ///   - seed: for intervals and p-values.
    public init(_ results: [TurnResult], seed: UInt64 = 42) {
        var order: [String] = []
        var groups: [String: [TurnResult]] = [:]
        for result in results {
            if groups[result.dataset] == nil { order.append(result.dataset) }
            groups[result.dataset, default: []].append(result)
        }
        let datasets = order.map { Dataset($0, groups[$0] ?? [], seed: seed) }
        let all = Dataset(Self.overallName, results, seed: seed)
        rows = datasets.flatMap(\.rows)
        overall = all.rows
        comparisons = datasets.flatMap(\.comparisons) + all.comparisons
    }

    /// The values of results by scenario, in the order of their first result; scenarios without values are left out.
    static func clusters(_ results: [TurnResult], _ value: (TurnResult) -> Double?) -> [[Double]] {
        var places: [[String]: Int] = [:]
        var clusters: [[Double]] = []
        for result in results {
            guard let value = value(result) else { continue }
            let key = [result.dataset, result.scenario]
            if let place = places[key] {
                clusters[place].append(value)
            } else {
                places[key] = clusters.count
                clusters.append([value])
            }
        }
        return clusters
    }
}

/// The results of one dataset, or of all of them.
private struct Dataset {
    private struct Path: Hashable {
        let kind: PathwayKind
        let strength: Double
    }

    let name: String
    private let seed: UInt64
    private let results: [Path: [TurnResult]]

    init(_ name: String, _ results: [TurnResult], seed: UInt64) {
        self.name = name
        self.seed = seed
        // Resumed results come in another order: intervals must not depend on it.
        let sorted = results.sorted { ($0.dataset, $0.scenario, $0.turn) < ($1.dataset, $1.scenario, $1.turn) }
        self.results = Dictionary(grouping: sorted) { Path(kind: $0.pathway, strength: $0.strength) }
    }

    private var paths: [Path] {
        let kinds: [PathwayKind] = [.dense, .scenario, .blind]
        return results.keys.sorted {
            ($0.strength, kinds.firstIndex(of: $0.kind)!) < ($1.strength, kinds.firstIndex(of: $1.kind)!)
        }
    }

    private var dense: [TurnResult]? { results[Path(kind: .dense, strength: 0)] }

    var rows: [SweepSummary.Row] {
        let dense = dense.flatMap(Speed.init)
        return paths.map { path in
            let results = results[path] ?? []
            let speed = Speed(results)
            // One of each scenario, in the order of its first turn.
            var seen: Set<[String]> = []
            let compilations = results.filter { seen.insert([$0.dataset, $0.scenario]).inserted }
                .map(\.compileMilliseconds)
            var estimates: [Metric: SweepSummary.Estimate] = [:]
            for metric in Metric.allCases { estimates[metric] = estimate(metric, results) }
            return SweepSummary.Row(
                dataset: name, pathway: path.kind, strength: path.strength, estimates: estimates,
                prunedFraction: results.reduce(0) { $0 + $1.prunedFraction } / Double(results.count),
                scenarios: compilations.count, turns: results.count, tokensPerSecond: speed?.tokensPerSecond,
                speedup: speed.map { $0.speedup(over: dense ?? $0) },
                compileMilliseconds: compilations.reduce(0, +) / Double(compilations.count))
        }
    }

    private func estimate(_ metric: Metric, _ results: [TurnResult]) -> SweepSummary.Estimate? {
        let clusters = SweepSummary.clusters(results, metric.value)
        let count = clusters.reduce(0) { $0 + $1.count }
        return ClusterBootstrap.interval(of: clusters, seed: seed).map { interval in
            SweepSummary.Estimate(
                mean: clusters.reduce(0) { $1.reduce($0, +) } / Double(count), interval: interval,
                scenarios: clusters.count)
        }
    }

    var comparisons: [PathwayComparison] {
        paths.flatMap { path -> [PathwayComparison] in
            guard path.kind != .dense, let results = results[path] else { return [] }
            let blind = path.kind == .scenario ? self.results[Path(kind: .blind, strength: path.strength)] : nil
            return [dense, blind].compactMap(\.self).flatMap { baseline in
                Metric.allCases.compactMap { metric in
                    // The divergence from dense is that of a pathway already.
                    metric == .klToDense && baseline.first?.pathway == .dense
                        ? nil : PathwayComparison(results, with: baseline, by: metric, dataset: name, seed: seed)
                }
            }
        }
    }
}

/// How fast answers were written.
private struct Speed {
    private var promptTokens = 0.0
    private var passes = 0.0
    private var promptSeconds = 0.0
    private var generationSeconds = 0.0

    /// nil where nothing was written.
    init?(_ results: [TurnResult]) {
        guard results.contains(where: { $0.prediction != nil }) else { return nil }
        for result in results {
            promptTokens += Double(result.promptTokens ?? 0)
            passes += Double(result.generationPasses ?? 0)
            promptSeconds += result.promptSeconds ?? 0
            generationSeconds += result.generationSeconds ?? 0
        }
    }

    var tokensPerSecond: Double { passes > 0 ? passes / generationSeconds : 0 }

    func speedup(over dense: Speed) -> Double {
        let taken = promptSeconds + generationSeconds
        let perPromptToken = dense.promptTokens > 0 ? dense.promptSeconds / dense.promptTokens : 0
        let perPass = dense.passes > 0 ? dense.generationSeconds / dense.passes : 0
        return taken > 0 ? (perPromptToken * promptTokens + perPass * passes) / taken : 1
    }
}

extension SweepSummary.Row: Encodable {
    private struct Key: CodingKey {
        let stringValue: String
        let intValue: Int? = nil

        init(stringValue: String) { self.stringValue = stringValue }
        init?(intValue: Int) { return nil }
    }

    /// A flat object: a measure `m` gives the keys `m`, `mLow` and `mHigh`; what was not measured has no key, and an
    /// interval of one scenario has none.
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: Key.self)
        func key(_ name: String) -> Key { Key(stringValue: name) }
        try container.encode(dataset, forKey: key("dataset"))
        try container.encode(pathway, forKey: key("pathway"))
        try container.encode(strength, forKey: key("strength"))
        for (metric, estimate) in estimates {
            try container.encode(estimate.mean, forKey: key(metric.rawValue))
            guard let interval = interval(of: metric) else { continue }
            try container.encode(interval.low, forKey: key(metric.rawValue + "Low"))
            try container.encode(interval.high, forKey: key(metric.rawValue + "High"))
        }
        try container.encode(prunedFraction, forKey: key("prunedFraction"))
        try container.encode(scenarios, forKey: key("scenarios"))
        try container.encode(turns, forKey: key("turns"))
        try container.encodeIfPresent(tokensPerSecond, forKey: key("tokensPerSecond"))
        try container.encodeIfPresent(speedup, forKey: key("speedup"))
        try container.encode(compileMilliseconds, forKey: key("compileMilliseconds"))
    }
}
