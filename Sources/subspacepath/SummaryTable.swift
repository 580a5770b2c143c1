import Evaluation
import Foundation

/// A sweep's rows as a table for a terminal.
enum SummaryTable {
    static func text(_ rows: [SweepSummary.Row]) -> String {
        let header = [
            "dataset", "strength", "accuracy", "pruned", "tokens/s", "speedup", "compile ms", "scenarios", "turns",
        ]
        let body = rows.map { row in
            [
                row.dataset, row.strength == 0 ? "dense" : String(format: "%.2f", row.strength),
                String(format: "%.3f", row.accuracy), String(format: "%.1f%%", 100 * row.prunedFraction),
                String(format: "%.1f", row.tokensPerSecond), String(format: "%.2fx", row.speedup),
                row.strength == 0 ? "-" : String(format: "%.1f", row.compileMilliseconds), "\(row.scenarios)",
                "\(row.turns)",
            ]
        }
        let lines = [header] + body
        let widths = header.indices.map { column in lines.map { $0[column].count }.max() ?? 0 }
        return lines.map { line in
            line.enumerated().map { column, cell in
                let padding = String(repeating: " ", count: widths[column] - cell.count)
                return column == 0 ? cell + padding : padding + cell
            }.joined(separator: "  ")
        }.joined(separator: "\n")
    }
}
