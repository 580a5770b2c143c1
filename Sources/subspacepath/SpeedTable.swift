import Basics
import Evaluation

/// A speed report as text for a terminal.
enum SpeedTable {
    static func text(_ report: SpeedReport) -> String {
        let limits = report.limits
        let speeds = report.lengths.flatMap { length in
            [speedLine(length, pruned: "dense", length.dense)]
                + (length.pathway.map { [speedLine(length, pruned: percent($0.prunedFraction), $0.speed)] } ?? [])
        }
        let savings = report.lengths.compactMap { length in length.pathway.map { savingLine(length, $0) } }
        let header = [
            "prompt", "heads pruned", "tokens/s", "least", "most", "us/token", "of peak", "written/s", "least", "most",
            "of reading",
        ]
        let savingHeader = [
            "prompt", "removed in prompt", "saved", "ratio", "removed in writing", "bytes", "saved", "ratio",
        ]
        let machine = [
            ["reading memory", formatted("%.1f GB/s", limits.readBytesPerSecond / 1e9)],
            ["8-bit products", formatted("%.0f G multiply-adds/s", limits.int8PerSecond / 1e9)],
            ["single precision", formatted("%.0f G multiply-adds/s", limits.float32PerSecond / 1e9)],
            ["empty step", formatted("%.2f us", 1e6 / limits.stepsPerSecond)],
            ["load", formatted("%.2f s", report.loadSeconds)],
            ["packed weights", formatted("%.1f MiB", Double(report.weightBytes) / 1_048_576)],
            ["peak resident", formatted("%.1f MiB", Double(report.peakResidentBytes) / 1_048_576)],
        ]
        return [
            "\(report.model): \(report.threads) threads, \(report.instructionSet), \(report.precision)",
            TextTable.align([header] + speeds),
            savings.isEmpty ? nil : TextTable.align([savingHeader] + savings),
            report.compilation.map(compilationTable),
            TextTable.align(machine),
        ].compactMap { $0 }.joined(separator: "\n\n")
    }

    private static func speedLine(
        _ length: SpeedReport.Length, pruned: String, _ speed: SpeedReport.Speed
    ) -> [String] {
        [
            "\(length.promptTokens)", pruned, number(speed.prefillTokensPerSecond),
            number(speed.prefillSamples.min() ?? 0), number(speed.prefillSamples.max() ?? 0),
            number(1e6 / speed.prefillTokensPerSecond), percent(speed.prefillShareOfPeak),
            number(speed.decodeTokensPerSecond), number(speed.decodeSamples.min() ?? 0),
            number(speed.decodeSamples.max() ?? 0), percent(speed.decodeShareOfReading),
        ]
    }

    private static func savingLine(_ length: SpeedReport.Length, _ pruned: SpeedReport.Pruned) -> [String] {
        func ratio(_ saving: SpeedReport.Saving) -> String { formatted("%.2f", saving.ratio) }
        let (prefill, decode) = (pruned.prefill, pruned.decode)
        return [
            "\(length.promptTokens)", percent(prefill.multiplyAddsRemoved), percent(prefill.timeSaved), ratio(prefill),
            percent(decode.multiplyAddsRemoved), decode.bytesRemoved.map(percent) ?? "-", percent(decode.timeSaved),
            ratio(decode),
        ]
    }

    private static func compilationTable(_ compilation: CompilationBenchmark) -> String {
        func milliseconds(_ value: Double) -> String { formatted("%.2f", value) }
        func line(_ name: String, _ times: CompilationBenchmark.Times) -> [String] {
            [
                name, milliseconds(times.milliseconds), formatted("%.2fx", times.shareOfDensePass),
                milliseconds(times.diagnoseMilliseconds), milliseconds(times.selectMilliseconds),
            ]
        }
        return TextTable.align([
            ["\(compilation.tokens) tokens of description", "ms", "of the dense pass", "diagnosis", "selection"],
            ["dense pass", milliseconds(compilation.densePassMilliseconds), "1.00x", "-", "-"],
            line("compilation", compilation.whole), line("with --early-exit", compilation.earlyExit),
        ])
    }

    private static func number(_ value: Double) -> String { formatted("%.1f", value) }
    private static func percent(_ share: Double) -> String { formatted("%.1f%%", 100 * share) }
}
