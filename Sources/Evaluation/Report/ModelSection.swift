import DomainBasis
import ScenarioPruning

/// What the offline stage measured of the model: head importance, probes, calibration.
struct ModelSection {
    /// nil where there are no artifacts.
    let measurements: ModelMeasurements?
    /// Why there are none, and how to get them.
    let advice: String

    var section: ReportSection {
        var section = ReportSection(name: "model", title: "What the model\u{2019}s heads do")
        guard let measurements else {
            section.absent = advice.isEmpty ? [] : ["\(advice)"]
            return section
        }
        section.introduction = introduction(measurements)
        section.figures =
            measurements.importances.map { importance($0, measurements) }
            + [probes(measurements), calibration(measurements)]
        return section
    }

    private func introduction(_ measurements: ModelMeasurements) -> Markup {
        let whitelist = measurements.whitelist
        let heads = measurements.importances.first.map { $0.table.layers * $0.table.units }
        let of = heads.map { " of \($0)" } ?? ""
        let test = whitelist.variationTest.map { test -> Markup in
            """
             Over the domains they vary less than the others (one-sided Mann\u{2013}Whitney test, \
            p \(test.pValue < 0.001 ? "" : "= ")\(NumberText.pValue(test.pValue))).
            """
        }
        let layers = whitelist.foundationLayers
        let foundation = layers > 0 ? "those of layers 0 to \(layers - 1), and " : ""
        return """
            <p>Measured once by <code>train</code>, on texts of \(measurements.domains.joined(separator: ", ")). \
            The backbone has \(whitelist.count)\(of) heads: \(foundation)those that matter much and alike to every \
            domain.\(test ?? .empty)</p>
            """
    }

    // MARK: - Importance

    private func importance(
        _ importance: ModelMeasurements.Importance, _ measurements: ModelMeasurements
    ) -> ReportFigure {
        let table = importance.table
        let scale = RankScale(table.values.map(Double.init))
        let panels: [Markup] = measurements.domains.enumerated().map { domain, name in
            let cells = (0..<table.layers).map { layer in
                (0..<table.units).map { head in
                    let value = Double(table[layer, head, domain])
                    return HeatMap.Cell(
                        shade: scale.shade(value),
                        note: "\(name), layer \(layer), head \(head): \(NumberText.fixed(value, 4))")
                }
            }
            return HeatMap(title: name, cells: cells).panel
        }
        return ReportFigure(
            title: "Importance of heads by \(importance.criterion)",
            caption: """
                \(Self.explanation(of: importance.criterion))A panel for each domain. Each shade holds a tenth of all \
                values, so shades show ranks of what was measured; pruning weighs domains first, and for some criteria \
                evens layers out. Stronger shades are more important.
                """,
            legend: scale.legend(importance.criterion), panels: panels, data: numbers(table, measurements.domains))
    }

    private static func explanation(of criterion: String) -> Markup {
        switch PruningCriterion(rawValue: criterion) {
        case .causal:
            "How far the predictions move, in KL divergence, when a head is replaced by its domain\u{2019}s mean. "
        case .axisEnergy:
            "The share of a head\u{2019}s write, seen by the probes, that lies along a domain\u{2019}s axis. "
        case .writeNorm: "The length of a head\u{2019}s write relative to the residual stream. "
        case .fluctuation: "The variance of a head\u{2019}s write (FLAP), before it is standardised in each layer. "
        case .wanda: "Magnitudes of weights times the root mean square of their inputs, summed over a head (Wanda). "
        case .sigmoidReference: "The probes\u{2019} answer where a head\u{2019}s write is all they see. "
        case .random, nil: .empty
        }
    }

    private func numbers(_ table: UnitTable, _ domains: [String]) -> DataTable {
        let rows = (0..<table.layers).flatMap { layer in
            (0..<table.units).map { head in
                ["\(layer)", "\(head)"] + table[layer, head].map { NumberText.fixed(Double($0), 4) }
            }
        }
        return DataTable(columns: ["layer", "head"] + domains, names: 2, rows: rows)
    }

    // MARK: - Probes

    private func probes(_ measurements: ModelMeasurements) -> ReportFigure {
        let points = measurements.validationAccuracy.enumerated().map { layer, accuracy in
            LineChart.Point(
                x: Double(layer), y: accuracy, note: "layer \(layer): accuracy \(NumberText.fixed(accuracy))")
        }
        let chance = 1 / Double(max(1, measurements.domains.count))
        let chart = LineChart(
            title: "Probes", xLabel: "layer", yLabel: "accuracy",
            series: [LineChart.Series(name: "validation", style: SeriesStyle(index: 0), points: points)], yRange: 0...1,
            reference: .init(y: chance, label: "chance \(NumberText.fixed(chance, 2))"))
        return ReportFigure(
            title: "Accuracy of the probes by layer",
            caption: """
                The share of validation texts whose domain a layer\u{2019}s linear probes name. Where it is high, the \
                residual stream tells domains apart.
                """,
            panels: [chart.panel],
            data: DataTable(
                columns: ["layer", "accuracy"], names: 1,
                rows: measurements.validationAccuracy.enumerated().map { ["\($0)", NumberText.fixed($1)] }))
    }

    // MARK: - Calibration

    private func calibration(_ measurements: ModelMeasurements) -> ReportFigure {
        let (before, after) = (SeriesStyle(index: 1, isDashed: true), SeriesStyle(index: 0))
        let regimes = CalibrationRegime.allCases.compactMap { regime in
            measurements.temperatures[regime].map { (regime, $0) }
        }
        let charts = regimes.map { regime, calibration in
            func series(_ name: String, _ style: SeriesStyle, _ errors: [Double]) -> LineChart.Series {
                let points = errors.enumerated().map { layer, error in
                    LineChart.Point(
                        x: Double(layer), y: error,
                        note: "layer \(layer), \(name): \(NumberText.fixed(error, 4)), "
                            + "T = \(NumberText.fixed(calibration.temperatures[layer], 2))")
                }
                return LineChart.Series(name: name, style: style, points: points)
            }
            return LineChart(
                title: Self.title(regime), xLabel: "layer", yLabel: "calibration error",
                series: [
                    series("before", before, calibration.errorBefore), series("after", after, calibration.errorAfter),
                ], yRange: 0...0, marksPoints: false)
        }
        let layers = measurements.validationAccuracy.indices
        return ReportFigure(
            title: "Calibration of the probes by layer",
            caption: """
                Expected calibration error over ten bins: how far, on average, a probability is from the share of texts \
                that it is right for. Before and after each layer\u{2019}s logits are divided by its own temperature, \
                for texts of one domain, of domains that were not selected, and of two domains mixed.
                """,
            legend: """
                <ul class="legend">\(before.key("before", marked: false))\(after.key("after", marked: false))</ul>
                """,
            panels: LineChart.sharingAxes(charts).map(\.panel),
            data: DataTable(
                columns: ["layer"]
                    + regimes.flatMap { [Self.title($0.0) + ": before", "after", "temperature"] },
                names: 1,
                rows: layers.map { layer in
                    ["\(layer)"]
                        + regimes.flatMap { _, calibration in
                            [
                                NumberText.fixed(calibration.errorBefore[layer]),
                                NumberText.fixed(calibration.errorAfter[layer]),
                                NumberText.fixed(calibration.temperatures[layer], 2),
                            ]
                        }
                }))
    }

    private static func title(_ regime: CalibrationRegime) -> String {
        switch regime {
        case .singleDomain: "One domain"
        case .outOfDomain: "Other domains"
        case .crossDomain: "Two domains mixed"
        }
    }
}
