/// How long it takes: writing answers along the pathways, and compiling them.
struct TimingSection {
    let runs: [ReportRun]

    var section: ReportSection {
        var section = ReportSection(name: "timing", title: "Time")
        let lines = RunLines(runs)
        let overall = SweepSummary.overallName
        func chart(_ title: String, _ unit: String, _ value: (SweepSummary.Row) -> Double?) -> LineChart? {
            let series = lines.series(overall) { row in value(row).map { ($0, nil) } }
            // From zero, so that heights show proportions.
            return series.isEmpty
                ? nil
                : LineChart(
                    title: title, xLabel: "pruned (%)", yLabel: unit, series: series, xRange: 0...0, yRange: 0...0
                )
        }
        let speed = chart("Writing", "tokens per second", \.tokensPerSecond)
        let charts = [
            speed, chart("Against the dense model", "times as fast", \.speedup),
            chart("Compiling a scenario", "milliseconds") { $0.pathway == .dense ? nil : $0.compileMilliseconds },
        ]
        section.figures = [
            ReportFigure(
                title: "Time over all categories",
                caption: """
                    Tokens per second of writing; the dense model\u{2019}s time for the same prompts and answers over \
                    the time taken; and the time of one compilation, the pass over the description included, mean over \
                    scenarios. One machine, one measurement of each turn: small differences are noise.
                    """,
                legend: lines.legend, panels: charts.compactMap { $0?.panel }, data: table)
        ]
        if speed == nil {
            section.absent.append(
                "Speed needs written answers: <code>run --scoring generation</code> or <code>both</code>.")
        }
        return section
    }

    private var table: DataTable {
        let rows = runs.flatMap { run in
            (Set(run.summary.rows.map(\.dataset)).count > 1 ? run.summary.rows + run.summary.overall : run.summary.rows)
                .map { row in
                    [
                        row.dataset, run.label, row.pathName, NumberText.percent(row.prunedFraction),
                        row.tokensPerSecond.map { NumberText.fixed($0, 1) } ?? "\u{2013}",
                        row.speedup.map { NumberText.fixed($0, 2) + "\u{D7}" } ?? "\u{2013}",
                        row.pathway == .dense ? "\u{2013}" : NumberText.fixed(row.compileMilliseconds, 1),
                    ]
                }
        }
        return DataTable(
            columns: ["category", "run", "pathway", "pruned", "tokens/s", "speedup", "compile ms"], names: 3, rows: rows
        )
    }
}
