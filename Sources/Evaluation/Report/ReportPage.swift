import ScenarioPruning

/// One page about sweeps of one model: a whole HTML document that needs nothing but itself.
///
/// Figures are inline SVG. There is no script, and a content security policy that allows none.
public struct ReportPage {
    private let runs: [ReportRun]
    private let measurements: ModelMeasurements?
    private let advice: String
    private let model: String

    /// - Parameters:
    ///   - runs: in the order of their lines, not empty.
    ///   - measurements: of the runs' model; nil where there are none.
    ///   - advice: a sentence on why there are none and how to get them.
    /// - Throws: ``EvaluationError/differentModels(_:)`` where the runs are of several models.
    public init(runs: [RecordedRun], measurements: ModelMeasurements?, advice: String = "") throws(EvaluationError) {
        var models: [String] = []
        for run in runs {
            let name = "\(run.modelName) (\(run.configuration.model))"
            if !models.contains(name) { models.append(name) }
        }
        guard Set(runs.map(\.configuration.model)).count <= 1 else { throw .differentModels(models) }
        self.runs = ReportRun.all(of: runs)
        self.measurements = measurements
        self.advice = advice
        model = runs.first?.modelName ?? "no model"
    }

    /// The document.
    public var html: String {
        let overview = OverviewSection(runs: runs)
        let sections = [
            QualitySection(runs: runs).section, TimingSection(runs: runs).section,
            ScenarioSection(runs: runs, whitelist: measurements?.whitelist.heads).section,
            ModelSection(measurements: measurements, advice: advice).section,
        ]
        var number = 0
        let bodies = sections.map { section -> Markup in
            let figures = section.figures.map { figure -> Markup in
                number += 1
                return figure.html(number: number)
            }
            return """
                <section id="\(section.name)">
                <h2>\(section.title)</h2>
                \(section.introduction)
                \(figures)\(section.absent.map { "<p class=\"absent\">\($0)</p>\n" as Markup })</section>

                """
        }
        let links = ([("results", "Results")] + sections.map { ($0.name, $0.title) }).map { name, title -> Markup in
            "<li><a href=\"#\(name)\">\(title)</a></li>"
        }
        let page: Markup = """
            <!DOCTYPE html>
            <html lang="en">
            <head>
            <meta charset="utf-8"/>
            <meta name="viewport" content="width=device-width, initial-scale=1"/>
            <meta name="color-scheme" content="light dark"/>
            <meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'"/>
            <title>\(model): scenario pruning</title>
            <style>
            \(ReportStyle.css)
            </style>
            </head>
            <body>
            <header>
            <p class="kicker">SubspacePath report</p>
            <h1>Scenario pruning of \(model)</h1>
            <p class="lede">\(lede)</p>
            <nav aria-label="Contents"><ul>\(links)</ul></nav>
            </header>
            <main>
            <section id="results">
            <h2>Results</h2>
            \(overview.notes.map { "<p class=\"absent\">\($0)</p>\n" as Markup })\(overview.results)
            <h3>The runs</h3>
            \(overview.settings)
            </section>
            \(bodies)</main>
            <footer>\(footer)</footer>
            </body>
            </html>

            """
        return page.text
    }

    private var prunesBlocks: Bool { runs.contains { $0.configuration.units.contains(.feedForward) } }

    private var lede: Markup {
        let scenarios = Set(runs.flatMap { $0.recorded.results.map { [$0.dataset, $0.scenario] } }).count
        let turns = runs.reduce(0) { $0 + $1.recorded.results.count }
        let shape = measurements?.importances.first.map { " of \($0.table.layers) layers of \($0.table.units) heads" }
        return """
            \(runs.count) \(runs.count == 1 ? "sweep" : "sweeps") of \(scenarios) \
            \(scenarios == 1 ? "scenario" : "scenarios"), \(turns) measured turns in all, along pathways that leave out \
            \(prunesBlocks ? "attention heads and feed-forward blocks" : "attention heads") of a frozen model\(shape ?? "")\
            \(measurements.map { ", quantised as \($0.manifest.quantization)" } ?? "").
            """
    }

    private var footer: Markup {
        """
        <p>Model fingerprint \(runs.first?.configuration.model.description ?? "unknown"). Intervals are percentile \
        bootstrap intervals that draw whole scenarios; fractions count attention heads\
        \(prunesBlocks ? ", or multiply-adds where feed-forward blocks are pruned" : ""). Shares, probabilities and \
        accuracies run from 0 to 1.</p>
        """
    }
}
