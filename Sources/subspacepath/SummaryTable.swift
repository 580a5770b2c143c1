import Basics
import Evaluation

/// A sweep's summary as tables for a terminal: its rows, the intervals of several measures, then the differences from
/// dense and blind pathways.
enum SummaryTable {
    private struct Column {
        let title: String
        let cell: (SweepSummary.Row) -> String
    }

    static func text(_ summary: SweepSummary) -> String {
        let datasets = Set(summary.rows.map(\.dataset))
        // With one dataset, overall says the same again.
        let rows = datasets.count > 1 ? summary.rows + summary.overall : summary.rows
        let measures = Metric.allCases.filter { metric in rows.contains { $0.estimates[metric] != nil } }
        var tables: [String] = []
        if measures.count > 1 {
            // Beside each other, means and intervals of several measures are wider than a terminal.
            tables.append(align(rows, path + measures.map(mean) + rest(of: rows)))
            tables.append("95% intervals\n" + align(rows, path + measures.map { interval(of: $0, title: title($0)) }))
        } else {
            let results = measures.flatMap { [mean($0), interval(of: $0, title: "95% interval")] }
            tables.append(align(rows, path + results + rest(of: rows)))
        }
        let comparisons = summary.comparisons.filter { datasets.count > 1 || datasets.contains($0.dataset) }
        if !comparisons.isEmpty {
            let header = ["dataset", "strength", "compared with", "measure", "difference", "95% interval", "p"]
            tables.append(TextTable.align([header] + comparisons.map(cells)))
        }
        return tables.joined(separator: "\n\n")
    }

    private static func align(_ rows: [SweepSummary.Row], _ columns: [Column]) -> String {
        TextTable.align([columns.map(\.title)] + rows.map { row in columns.map { $0.cell(row) } })
    }

    /// Which pathways of which dataset a row is of.
    private static var path: [Column] {
        [
            Column(title: "dataset") { $0.dataset.printable },
            Column(title: "strength") { name($0.pathway, $0.strength) },
        ]
    }

    private static func mean(_ metric: Metric) -> Column {
        Column(title: title(metric)) { $0.estimates[metric].map { formatted("%.3f", $0.mean) } ?? "-" }
    }

    private static func interval(of metric: Metric, title: String) -> Column {
        Column(title: title) { $0.interval(of: metric).map { formatted("%.3f to %.3f", $0.low, $0.high) } ?? "-" }
    }

    /// What is not a measure: of speed only where something was written.
    private static func rest(of rows: [SweepSummary.Row]) -> [Column] {
        var columns = [Column(title: "pruned") { formatted("%.1f%%", 100 * $0.prunedFraction) }]
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
