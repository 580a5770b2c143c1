/// Lines of runs over the pruned fraction.
struct RunLines {
    let runs: [ReportRun]

    init(_ runs: [ReportRun]) { self.runs = runs }

    /// Each run's scenario pathways from dense on, then its blind ones where it has those.
    ///
    /// - Parameter value: of a row; nil where it was not measured.
    func series(
        _ dataset: String, _ value: (SweepSummary.Row) -> (mean: Double, band: ClosedRange<Double>?)?
    ) -> [LineChart.Series] {
        runs.flatMap { run -> [LineChart.Series] in
            [(PathwayKind.scenario, run.style, run.label), (.blind, run.blindStyle, run.label + ", blind")].compactMap {
                kind, style, name in
                let rows = run.rows(of: dataset).filter { $0.pathway == kind || $0.pathway == .dense }
                guard rows.contains(where: { $0.pathway == kind }) || (kind == .scenario && !rows.isEmpty)
                else { return nil }
                let points = rows.sorted { $0.prunedFraction < $1.prunedFraction }.compactMap { row in
                    value(row).flatMap { $0.mean.isFinite ? point(row, $0, name) : nil }
                }
                return points.isEmpty ? nil : LineChart.Series(name: name, style: style, points: points)
            }
        }
    }

    private func point(
        _ row: SweepSummary.Row, _ value: (mean: Double, band: ClosedRange<Double>?), _ name: String
    ) -> LineChart.Point {
        let band = value.band.map {
            " (95%: \(NumberText.fixed($0.lowerBound)) to \(NumberText.fixed($0.upperBound)))"
        }
        return LineChart.Point(
            x: 100 * row.prunedFraction, y: value.mean, band: value.band,
            note: """
                \(name), \(row.pathName): \(NumberText.fixed(value.mean))\(band ?? ""), \
                \(NumberText.percent(row.prunedFraction)) pruned, \(row.turns) turns
                """)
    }

    var legend: Markup {
        let keys: [Markup] = runs.flatMap { run -> [Markup] in
            let hasBlind = run.summary.overall.contains { $0.pathway == .blind }
            return [run.style.key(run.label)] + (hasBlind ? [run.blindStyle.key(run.label + ", blind")] : [])
        }
        return "<ul class=\"legend\">\(keys)</ul>"
    }
}
