/// What the probes take scenarios for, and which heads their pathways keep.
struct ScenarioSection {
    let runs: [ReportRun]
    /// The backbone, `[layers][heads]`; nil where it is not known.
    let whitelist: [[Int]]?

    /// Rows of one category's bars, and categories of a run's masks: more are not read.
    private static let rowLimit = 12

    /// A run's scenario pathways.
    private func pathways(_ run: ReportRun) -> [PathwayRecord] {
        run.recorded.pathways.filter { $0.pathway == .scenario }
    }

    var section: ReportSection {
        var section = ReportSection(name: "scenarios", title: "What scenarios need")
        let recorded = runs.filter { !pathways($0).isEmpty }
        guard !recorded.isEmpty else {
            section.absent = [
                """
                These runs did not record their pathways (<code>pathways.jsonl</code>), so there are no domain \
                mixtures and no masks. Runs made anew record them.
                """
            ]
            return section
        }
        section.figures =
            [mixtures(recorded.flatMap(pathways)), masks(recorded)] + [keptShares(recorded)].compactMap(\.self)
        let silent = runs.filter { pathways($0).isEmpty }
        if !silent.isEmpty {
            section.absent.append(
                """
                Without recorded pathways (<code>pathways.jsonl</code>), and so not shown here: \
                \(silent.map(\.label).joined(separator: "; ")).
                """)
        }
        return section
    }

    // MARK: - Domain mixtures

    /// Criteria come after the diagnosis, so the first run that has a scenario stands for the others.
    private func mixtures(_ records: [PathwayRecord]) -> ReportFigure {
        let domains = records[0].domains
        var panels: [Markup] = []
        var rows: [[String]] = []
        for (dataset, records) in Self.byDataset(records) {
            let scenarios = Self.oneForEachScenario(records).filter { $0.domains == domains }
            var bars = scenarios.prefix(Self.rowLimit).map { record in
                BarTable.Row(
                    name: record.scenario, note: record.description, shares: record.mixture,
                    trailing: NumberText.fixed(record.breadth, 2))
            }
            if scenarios.count > 1 {
                let count = Double(scenarios.count)
                bars.append(
                    BarTable.Row(
                        name: "mean of \(scenarios.count)", note: "all scenarios of \(dataset)",
                        shares: domains.indices.map { k in scenarios.reduce(0) { $0 + $1.mixture[k] } / count },
                        trailing: NumberText.fixed(scenarios.reduce(0) { $0 + $1.breadth } / count, 2), isTotal: true))
            }
            panels.append(BarTable(subject: dataset, columns: domains, trailing: "breadth", rows: bars).html)
            rows += scenarios.map { record in
                [dataset, record.scenario] + record.relevance.map { NumberText.fixed($0, 2) } + [
                    NumberText.fixed(record.breadth, 2),
                    record.relevance.allSatisfy { $0 == 0 } ? "none relevant" : record.regime?.rawValue ?? "none",
                ]
            }
        }
        return ReportFigure(
            title: "Domain mixture of each scenario",
            caption: """
                How likely each domain is to be a scenario\u{2019}s, as the probes read its description; shares sum to one. \
                Breadth is 0 for a scenario of one domain and 1 for one of all domains alike; a broad scenario keeps \
                more heads. At most \(Self.rowLimit) scenarios of a category are drawn\
                \(runs.count > 1 ? ", as the first run that has them read them" : ""). The numbers below are \
                relevances, the largest probability over layers.
                """,
            panels: panels, isWide: true,
            data: DataTable(
                columns: ["category", "scenario"] + domains + ["breadth", "calibration"], names: 2, rows: rows))
    }

    // MARK: - Masks

    /// One scenario of each category, all strengths in one panel: a cell is stronger the more of them keep its head.
    private func masks(_ runs: [ReportRun]) -> ReportFigure {
        var panels: [Markup] = []
        var rows: [[String]] = []
        let strengths = Set(runs.flatMap { pathways($0).map(\.strength) }).sorted()
        for run in runs {
            for (dataset, records) in Self.byDataset(pathways(run)) {
                guard let scenario = records.first?.scenario else { continue }
                let own = records.filter { $0.scenario == scenario }.sorted { $0.strength < $1.strength }
                let title = runs.count > 1 ? "\(scenario) \u{B7} \(run.label)" : scenario
                panels.append(HeatMap(title: title, cells: cells(of: own, strengths)).panel)
                rows += own.map { record in
                    [
                        dataset, scenario, run.label, StrengthText.of(record.strength),
                        NumberText.percent(record.requestedFraction), NumberText.percent(record.prunedFraction),
                        "\(record.keptHeads.reduce(0) { $0 + $1.count }) of \(record.heads * record.keptHeads.count)",
                    ]
                }
            }
        }
        let steps = strengths.count
        let legend = (0...steps).map { kept in
            let text =
                kept == steps
                ? "kept at all strengths"
                : "pruned from strength \(StrengthText.of(strengths[kept])) on"
            return (shade: Self.shade(kept, of: steps), text: text)
        }
        let backbone: Markup =
            whitelist == nil ? .empty : " A dot marks a head of the backbone, which every domain needs."
        return ReportFigure(
            title: "Masks of scenarios",
            caption: """
                Which heads run for the first scenario of each category. The fainter a cell, the sooner its head is \
                pruned.\(backbone)
                """,
            legend: HeatMap.legend(legend, marked: whitelist == nil ? nil : "backbone"), panels: panels,
            data: DataTable(
                columns: ["category", "scenario", "run", "strength", "asked to prune", "pruned", "heads that run"],
                names: 3, rows: rows))
    }

    /// - Parameters:
    ///   - records: of one scenario, by ascending strength.
    ///   - strengths: of all runs, ascending.
    private func cells(of records: [PathwayRecord], _ strengths: [Double]) -> [[HeatMap.Cell]] {
        let (layers, heads) = (records[0].keptHeads.count, records[0].heads)
        return (0..<layers).map { layer in
            let kept = records.map { Set($0.keptHeads[layer]) }
            return (0..<heads).map { head in
                let pruned = zip(records, kept).first { !$1.contains(head) }?.0.strength
                let step = pruned.flatMap(strengths.firstIndex) ?? strengths.count
                let keeping = zip(records, kept).filter { $1.contains(head) }.map { StrengthText.of($0.0.strength) }
                return HeatMap.Cell(
                    shade: Self.shade(step, of: strengths.count),
                    note: "layer \(layer), head \(head): "
                        + (keeping.isEmpty ? "pruned" : "kept at strength \(keeping.joined(separator: ", "))"),
                    isMarked: isBackbone(layer, head))
            }
        }
    }

    private func isBackbone(_ layer: Int, _ head: Int) -> Bool {
        guard let whitelist, whitelist.indices.contains(layer) else { return false }
        return whitelist[layer].contains(head)
    }

    /// `kept` of `steps` on the scale of shades.
    private static func shade(_ kept: Int, of steps: Int) -> Int {
        kept * (HeatMap.shades - 1) / max(1, steps)
    }

    /// How many of a run's scenarios keep each head, a panel for each strength; nil for runs of one scenario.
    private func keptShares(_ runs: [ReportRun]) -> ReportFigure? {
        var panels: [Markup] = []
        var columns: [String] = []
        var means: [[String]] = []
        for run in runs {
            let byStrength = Dictionary(grouping: pathways(run), by: \.strength)
            for (strength, records) in byStrength.sorted(by: { $0.key < $1.key }) where records.count > 1 {
                let name = "strength \(StrengthText.of(strength))"
                let title = runs.count > 1 ? "\(name) \u{B7} \(run.label)" : name
                let counts = counts(records)
                panels.append(HeatMap(title: title, cells: cells(of: counts, scenarios: records.count)).panel)
                columns.append(title)
                means.append(
                    counts.map { layer in
                        NumberText.fixed(Double(layer.reduce(0, +)) / Double(max(1, layer.count * records.count)), 2)
                    })
            }
        }
        guard !panels.isEmpty else { return nil }
        let legend = [(0, "no scenario"), (5, "half of them"), (HeatMap.shades - 1, "every scenario")]
        return ReportFigure(
            title: "Share of scenarios that keep each head",
            caption: """
                Shades in between are where scenarios differ: heads that some need and others do not. The numbers are \
                means over each layer\u{2019}s heads.
                """,
            legend: HeatMap.legend(legend.map { (shade: $0.0, text: $0.1) }), panels: panels,
            data: DataTable(
                columns: ["layer"] + columns, names: 1,
                rows: (0..<(means.map(\.count).min() ?? 0)).map { layer in ["\(layer)"] + means.map { $0[layer] } }))
    }

    /// How many of `records` keep each head, `[layers][heads]`.
    private func counts(_ records: [PathwayRecord]) -> [[Int]] {
        let (layers, heads) = (records[0].keptHeads.count, records[0].heads)
        var counts = Array(repeating: Array(repeating: 0, count: heads), count: layers)
        for record in records {
            for (layer, kept) in record.keptHeads.enumerated() { for head in kept { counts[layer][head] += 1 } }
        }
        return counts
    }

    private func cells(of counts: [[Int]], scenarios: Int) -> [[HeatMap.Cell]] {
        counts.enumerated().map { layer, row in
            row.enumerated().map { head, count in
                HeatMap.Cell(
                    shade: Self.shade(count, of: scenarios),
                    note: "layer \(layer), head \(head): kept by \(count) of \(scenarios) scenarios")
            }
        }
    }

    // MARK: - Records

    /// In the order of their first record.
    private static func byDataset(_ records: [PathwayRecord]) -> [(dataset: String, records: [PathwayRecord])] {
        var order: [String] = []
        for record in records where !order.contains(record.dataset) { order.append(record.dataset) }
        let groups = Dictionary(grouping: records, by: \.dataset)
        return order.map { ($0, groups[$0] ?? []) }
    }

    /// The diagnosis is the same at every strength.
    private static func oneForEachScenario(_ records: [PathwayRecord]) -> [PathwayRecord] {
        var seen: Set<String> = []
        return records.filter { seen.insert($0.scenario).inserted }
    }
}
