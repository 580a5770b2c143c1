import Basics
import Evaluation

/// A sweep's summary as tables for a terminal: its rows, then the differences from dense and blind pathways.
enum SummaryTable {
    private struct Column {
        let title: String
        let cell: (SweepSummary.Row) -> String
    }

    static func text(_ summary: SweepSummary) -> String {
        let datasets = Set(summary.rows.map(\.dataset))
        // With one dataset, overall says the same again.
        let rows = datasets.count > 1 ? summary.rows + summary.overall : summary.rows
        let columns = columns(of: rows)
        let results = TextTable.align([columns.map(\.title)] + rows.map { row in columns.map { $0.cell(row) } })
        let comparisons = summary.comparisons.filter { datasets.count > 1 || datasets.contains($0.dataset) }
        guard !comparisons.isEmpty else { return results }
        let header = ["dataset", "strength", "compared with", "measure", "difference", "95% interval", "p"]
        return results + "\n\n" + TextTable.align([header] + comparisons.map(cells))
    }

    private static func columns(of rows: [SweepSummary.Row]) -> [Column] {
        var columns = [
            Column(title: "dataset") { $0.dataset.printable },
            Column(title: "strength") { name($0.pathway, $0.strength) },
        ]
        for metric in Metric.allCases where rows.contains(where: { $0.estimates[metric] != nil }) {
            columns += [
                Column(title: title(metric)) { $0.estimates[metric].map { formatted("%.3f", $0.mean) } ?? "-" },
                Column(title: "95% interval") {
                    $0.interval(of: metric).map { formatted("%.3f to %.3f", $0.low, $0.high) } ?? "-"
                },
            ]
        }
        columns.append(Column(title: "pruned") { formatted("%.1f%%", 100 * $0.prunedFraction) })
        if rows.contains(where: { $0.tokensPerSecond != nil }) {
            columns += [
                Column(title: "tokens/s") { $0.tokensPerSecond.map { $0 > 0 ? formatted("%.1f", $0) : "-" } ?? "-" },
                Column(title: "speedup") { $0.speedup.map { formatted("%.2fx", $0) } ?? "-" },
            ]
        }
        return columns + [
            Column(title: "compile ms") { $0.strength == 0 ? "-" : formatted("%.1f", $0.compileMilliseconds) },
            Column(title: "scenarios") { "\($0.scenarios)" },
            Column(title: "turns") { "\($0.turns)" },
        ]
    }

    private static func cells(_ comparison: PathwayComparison) -> [String] {
        [
            comparison.dataset.printable, name(comparison.pathway, comparison.strength), comparison.baseline.rawValue,
            title(comparison.metric), formatted("%+.3f", comparison.difference),
            comparison.interval.map { formatted("%+.3f to %+.3f", $0.low, $0.high) } ?? "-",
            formatted(comparison.pValue < 0.001 ? "%.4f" : "%.3f", comparison.pValue),
        ]
    }

    private static func name(_ pathway: PathwayKind, _ strength: Double) -> String {
        switch pathway {
        case .dense: "dense"
        case .scenario: StrengthText.of(strength)
        case .blind: "\(StrengthText.of(strength)) blind"
        }
    }

    private static func title(_ metric: Metric) -> String {
        switch metric {
        case .accuracy: "accuracy"
        case .likelihoodAccuracy: "by likelihood"
        case .likelihoodAccuracyNormalized: "per byte"
        case .letterAccuracy: "by letter"
        case .answerNLL: "answer NLL"
        case .klToDense: "KL to dense"
        }
    }
}
