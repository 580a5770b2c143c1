/// A run as the page shows it: its name, its style and its summary.
struct ReportRun {
    let recorded: RecordedRun
    /// What tells it from the other runs.
    let label: String
    let index: Int
    let summary: SweepSummary

    var configuration: SweepConfiguration { recorded.configuration }
    var style: SeriesStyle { SeriesStyle(index: index) }
    var blindStyle: SeriesStyle { SeriesStyle(index: index, isDashed: true) }

    static func all(of runs: [RecordedRun]) -> [ReportRun] {
        zip(runs, labels(of: runs)).enumerated().map { index, pair in
            ReportRun(
                recorded: pair.0, label: pair.1, index: index,
                summary: SweepSummary(pair.0.results, seed: pair.0.configuration.seed))
        }
    }

    /// Each run's criterion and those of its settings that other runs do not share; names of folders where that is
    /// not enough.
    static func labels(of runs: [RecordedRun]) -> [String] {
        let settings: [(SweepConfiguration) -> String] = [
            { "compensation \($0.compensation.rawValue)" },
            { "keeps \($0.alwaysKeep.rawValue)" },
            { $0.usesCalibration ? "calibrated" : "not calibrated" },
            { $0.usesHistory ? "with history" : "without history" },
            { "\($0.scoring.rawValue)" },
            { $0.unitsText },
            { $0.exitsEarly ? "early exit" : "whole diagnosis" },
            { $0.precision.rawValue },
            { "seed \($0.seed)" },
            { $0.samples.map { "at most \($0) of each dataset" } ?? "all scenarios" },
            { $0.datasets.joined(separator: " and ") },
            { "temperature \(NumberText.short($0.temperature))" },
            { "at most \($0.maxNewTokens) new tokens" },
        ]
        let telling = settings.filter { setting in Set(runs.map { setting($0.configuration) }).count > 1 }
        let labels = runs.map { run in
            ([run.configuration.criterion.rawValue] + telling.map { $0(run.configuration) }).joined(separator: ", ")
        }
        return zip(runs, labels).map { run, label in
            labels.count { $0 == label } > 1 ? "\(label) (\(run.name))" : label
        }
    }

    /// The rows of one dataset, or of all of them.
    func rows(of dataset: String) -> [SweepSummary.Row] {
        dataset == SweepSummary.overallName ? summary.overall : summary.rows.filter { $0.dataset == dataset }
    }

    /// Whether both answered the same turns in the same way.
    func isComparable(with other: ReportRun) -> Bool {
        let (a, b) = (configuration, other.configuration)
        return a.datasets == b.datasets && a.samples == b.samples && a.seed == b.seed && a.scoring == b.scoring
            && a.precision == b.precision && a.scenarios == b.scenarios && a.usesHistory == b.usesHistory
            && a.temperature == b.temperature && a.maxNewTokens == b.maxNewTokens
    }
}

extension SweepConfiguration {
    /// "heads", "heads, feed-forward"
    var unitsText: String { units.map(\.rawValue).joined(separator: ", ") }
}

extension SweepSummary.Row {
    /// "dense", "strength 0.40", "strength 0.40, blind"
    var pathName: String {
        switch pathway {
        case .dense: "dense"
        case .scenario: "strength \(StrengthText.of(strength))"
        case .blind: "strength \(StrengthText.of(strength)), blind"
        }
    }

    /// A measure's mean, and its interval where several scenarios tell how they differ.
    func value(of metric: Metric) -> (mean: Double, band: ClosedRange<Double>?)? {
        estimates[metric].map { estimate in
            (estimate.mean, interval(of: metric).flatMap { $0.low <= $0.high ? $0.low...$0.high : nil })
        }
    }
}
