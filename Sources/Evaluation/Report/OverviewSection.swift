/// What was run, and what came out of it in one table.
struct OverviewSection {
    let runs: [ReportRun]

    /// The runs and their settings.
    var settings: Markup {
        let rows = runs.map { run in
            let configuration = run.configuration
            return [
                run.label, run.recorded.name, configuration.criterion.rawValue, configuration.compensation.rawValue,
                configuration.alwaysKeep.rawValue, configuration.scoring.rawValue,
                configuration.unitsText, configuration.precision.rawValue,
                (configuration.usesCalibration ? "calibrated" : "not calibrated")
                    + (configuration.exitsEarly ? ", early exit" : ""),
                configuration.usesHistory ? "yes" : "no",
                "\(configuration.maxNewTokens) at temperature \(NumberText.short(configuration.temperature))",
                configuration.strengths.map(StrengthText.of).joined(separator: ", "),
                configuration.datasets.joined(separator: ", "),
                configuration.samples.map { "at most \($0)" } ?? "all", "\(configuration.seed)",
                Self.dates(run.recorded),
                "\(run.recorded.results.count)\(run.recorded.isFinished ? "" : ", unfinished")",
            ]
        }
        let columns = [
            "run", "folder", "criterion", "compensation", "always kept", "scoring", "pruned", "precision", "diagnosis",
            "earlier turns shown", "new tokens", "strengths", "categories",
            "scenarios of each", "seed", "made (UTC)", "turns",
        ]
        // Runs side by side: there are more settings than runs.
        let table = DataTable(
            columns: [""] + rows.map { $0[0] }, names: 1 + rows.count,
            rows: columns.indices.dropFirst().map { i in [columns[i]] + rows.map { $0[i] } })
        return "<div class=\"settings\">\(table.html)</div>"
    }

    private static func dates(_ run: RecordedRun) -> String {
        guard let first = run.started ?? run.lastTurn, let last = run.lastTurn else { return "unknown" }
        let (start, end) = (first.text.prefix(16), last.text.prefix(16))
        if start == end { return String(start) }
        // The same day is not said twice.
        return start.prefix(10) == end.prefix(10) ? "\(start) to \(end.suffix(5))" : "\(start) to \(end)"
    }

    var notes: [Markup] {
        var notes: [Markup] = []
        if let first = runs.first, !runs.allSatisfy({ $0.isComparable(with: first) }) {
            notes.append(
                """
                These runs did not answer the same turns in the same way (categories, scenarios, seed, precision or scoring \
                differ): compare each with its own dense model rather than with each other.
                """)
        }
        for run in runs where !run.recorded.isFinished {
            notes.append(
                """
                \(run.label): the run has not come to its end; what follows is of its \
                \(run.recorded.results.count) turns so far. <code>run --resume</code> goes on with it.
                """)
        }
        return notes
    }

    /// Every run and strength over all categories, with the differences from dense.
    var results: Markup {
        let metrics = [Metric.accuracy, .answerNLL, .klToDense].filter { metric in
            runs.contains { $0.summary.overall.contains { $0.estimates[metric] != nil } }
        }
        let titles: [Metric: [String]] = [
            .accuracy: ["accuracy", "change (95%)", "p"], .answerNLL: ["NLL", "change (95%)", "p"],
            .klToDense: ["KL"],
        ]
        let hasSpeed = runs.contains { $0.summary.overall.contains { $0.speedup != nil } }
        let rows = runs.flatMap { run in
            run.summary.overall.map { row in
                [run.label, row.pathName, NumberText.percent(row.prunedFraction)]
                    + metrics.flatMap { cells(row, $0, run) }
                    + (hasSpeed ? [row.speedup.map { NumberText.fixed($0, 2) + "\u{D7}" } ?? "\u{2013}"] : [])
            }
        }
        let columns =
            ["run", "pathway", "pruned"] + metrics.flatMap { titles[$0] ?? [] } + (hasSpeed ? ["speedup"] : [])
        return """
            <div class="overview">\(DataTable(columns: columns, names: 2, rows: rows).html)</div>
            <p class="note">Over all categories, \(runs.count == 1 ? "" : "each run ")compared with its own dense \
            model on the same turns: mean differences with 95% bootstrap intervals, and p of a sign-flip test over \
            scenarios, not corrected for the number of rows. NLL is of the right answer and KL is the divergence from the \
            dense model, both in nats per token.</p>
            """
    }

    private func cells(_ row: SweepSummary.Row, _ metric: Metric, _ run: ReportRun) -> [String] {
        let none = "\u{2013}"
        let mean = row.estimates[metric].map { NumberText.fixed($0.mean) } ?? none
        guard metric != .klToDense else { return [mean] }
        let comparison = run.summary.comparisons.first {
            $0.dataset == SweepSummary.overallName && $0.pathway == row.pathway && $0.strength == row.strength
                && $0.baseline == .dense && $0.metric == metric
        }
        guard let comparison else { return [mean, none, none] }
        let interval = comparison.interval.map { " (\(NumberText.signed($0.low)) to \(NumberText.signed($0.high)))" }
        let change = NumberText.signed(comparison.difference) + (interval ?? "")
        return [mean, change, NumberText.pValue(comparison.pValue)]
    }
}
