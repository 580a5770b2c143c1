/// What pruning costs: every measure against the pruned fraction, by category and run.
struct QualitySection {
    let runs: [ReportRun]

    /// Categories in the order of the runs, then all together where there are several.
    private var datasets: [String] {
        var names: [String] = []
        for row in runs.flatMap(\.summary.rows) where !names.contains(row.dataset) { names.append(row.dataset) }
        return names.count > 1 ? names + [SweepSummary.overallName] : names
    }

    private func isMeasured(_ metric: Metric) -> Bool {
        runs.contains { $0.summary.overall.contains { $0.estimates[metric] != nil } }
    }

    var section: ReportSection {
        var section = ReportSection(name: "quality", title: "What pruning costs")
        section.introduction = """
            <p>Each line is a run, each panel a category of scenarios. The first mark of a line is the dense model; the \
            others are the pruning strengths, placed at the share that was in fact pruned: of the heads, or of the \
            multiply-adds for each token where a run prunes feed-forward blocks as well. Bands hold 95% of 2000 bootstrap \
            means over scenarios: where they overlap, a difference may be chance.</p>
            """
        for metric in [Metric.accuracy, .answerNLL, .klToDense] where isMeasured(metric) {
            section.figures.append(byDataset(metric))
        }
        let choices = [Metric.letterAccuracy, .likelihoodAccuracy, .likelihoodAccuracyNormalized].filter(isMeasured)
        if !choices.isEmpty { section.figures.append(multipleChoice(choices)) }
        if !isMeasured(.accuracy) {
            section.absent.append(
                """
                These runs wrote no answers, so there is no accuracy of written answers and no speed. \
                <code>run --scoring generation</code> or <code>both</code> measures them.
                """)
        }
        if !isMeasured(.answerNLL) {
            section.absent.append(
                """
                The likelihood of the right answers was not measured. <code>run --scoring likelihood</code> or \
                <code>both</code> gives their negative log-likelihood, the divergence from the dense model and the \
                accuracy by likelihood.
                """)
        }
        return section
    }

    private func byDataset(_ metric: Metric) -> ReportFigure {
        let text = MetricText(metric)
        let charts = datasets.compactMap { dataset -> LineChart? in
            let series = RunLines(runs).series(dataset) { $0.value(of: metric) }
            guard !series.isEmpty else { return nil }
            return LineChart(
                title: dataset, xLabel: "pruned (%)", yLabel: text.axis, series: series,
                yRange: metric == .answerNLL ? nil : 0...0)
        }
        return ReportFigure(
            title: text.title, caption: text.explanation, legend: RunLines(runs).legend,
            panels: LineChart.sharingAxes(charts).map(\.panel), data: table([metric], datasets))
    }

    private func multipleChoice(_ metrics: [Metric]) -> ReportFigure {
        let dataset = datasets.last ?? SweepSummary.overallName
        let charts = metrics.map { metric in
            LineChart(
                title: MetricText(metric).title, xLabel: "pruned (%)", yLabel: MetricText(metric).axis,
                series: RunLines(runs).series(dataset) { $0.value(of: metric) }, yRange: 0...0)
        }
        let explanations: [Markup] = metrics.map { " \(MetricText($0).title): \(MetricText($0).explanation)" }
        return ReportFigure(
            title: "Multiple choices by likelihood",
            caption: """
                Nothing is written: the option with the largest log-likelihood counts as chosen, over all \
                categories.\(explanations)
                """,
            legend: RunLines(runs).legend, panels: LineChart.sharingAxes(charts).map(\.panel),
            data: table(metrics, datasets))
    }

    private func table(_ metrics: [Metric], _ datasets: [String]) -> DataTable {
        let measures = metrics.flatMap { [MetricText($0).title, "95% interval"] }
        let rows = datasets.flatMap { dataset in
            runs.flatMap { run in
                run.rows(of: dataset).map { row in
                    let cells = metrics.flatMap { metric in
                        [
                            row.estimates[metric].map { NumberText.fixed($0.mean) } ?? "\u{2013}",
                            row.interval(of: metric).map(NumberText.interval) ?? "\u{2013}",
                        ]
                    }
                    return [dataset, run.label, row.pathName, NumberText.percent(row.prunedFraction)] + cells
                        + ["\(row.scenarios)", "\(row.turns)"]
                }
            }
        }
        return DataTable(
            columns: ["category", "run", "pathway", "pruned"] + measures + ["scenarios", "turns"], names: 3, rows: rows)
    }
}
