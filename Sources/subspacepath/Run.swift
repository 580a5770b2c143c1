import ArgumentParser
import Basics
import Evaluation
import ScenarioPruning
import Transformer

extension Scoring: ExpressibleByArgument {}

struct Run: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Answer scenarios at several pruning strengths and score the answers.",
        discussion: """
            Compiles each scenario's pathway at each strength, answers its turns and scores them; the dense model \
            (strength 0) is always included. Results go to results/<model>/<run>/, a line for each turn as it is \
            answered, so that --resume goes on where a stopped run was.

            Intervals hold 95% of 2000 bootstrap means over scenarios. Differences pair the same turns; their p-values \
            are of a two-sided sign-flip permutation test over scenarios, and not corrected for their number.
            """)

    @OptionGroup var model: ModelOptions
    @OptionGroup var artifacts: ArtifactsOptions
    @OptionGroup var criterion: CriterionOptions

    @Option(parsing: .upToNextOption, help: "Strengths in [0, 1], separated by spaces; higher prunes more.")
    var pruningStrengths = [0.2, 0.4, 0.6]

    @Option(
        parsing: .upToNextOption,
        help: "Folders of <data-dir>/test by name, or paths of folders or .json files. (default: all folders)")
    var datasets: [String] = []

    @Option(help: "Write answers and compare them, measure the likelihood of the right ones, or both.")
    var scoring = Scoring.generation

    @Flag(help: "Also run, at each strength, a pathway that prunes as much knowing no scenario.")
    var compareBlind = false

    @Option(parsing: .unconditional, help: "The most scenarios of each dataset, drawn by the seed.")
    var numSamples = 20

    @Flag(inversion: .prefixedNo, help: "Show each turn the scenario's earlier turns.")
    var useHistory = false

    @Option(parsing: .unconditional, help: "Stop an answer after this many tokens.")
    var maxNewTokens = 80

    @Option(parsing: .unconditional, help: "0 takes the most likely token; higher is more varied.")
    var temperature = 0.3

    @Option(parsing: .unconditional, help: "The same seed gives the same answers.")
    var seed: UInt64 = 42

    @Option(help: "The folder of test/.")
    var dataDir = "data"

    @Option(help: "Where results go.")
    var resultsDir = "results"

    @Option(name: .customLong("name"), help: "The run's folder. (default: the time)")
    var runName: String?

    @Flag(help: "Go on with the last run of the same settings, or with --name; where there is none, start one.")
    var resume = false

    @Flag(help: "Print one JSON object.")
    var json = false

    private struct Output: Encodable {
        let run: String
        let configuration: SweepConfiguration
        let rows: [SweepSummary.Row]
        let overall: [SweepSummary.Row]
        let comparisons: [PathwayComparison]
    }

    func validate() throws {
        for strength in pruningStrengths where !(0...1).contains(strength) {
            throw ValidationError("--pruning-strengths has \(strength), expected 0 to 1")
        }
        if numSamples < 1 { throw ValidationError("--num-samples is \(numSamples), expected at least 1") }
        if maxNewTokens < 1 { throw ValidationError("--max-new-tokens is \(maxNewTokens), expected at least 1") }
        if !(temperature >= 0 && temperature.isFinite) {
            throw ValidationError("--temperature is \(temperature), expected 0 or more")
        }
        if let runName, runName.isEmpty || runName.contains("/") || runName.hasPrefix(".") {
            throw ValidationError("--name is \"\(runName)\", expected a folder's name")
        }
    }

    func run() throws {
        let decoder = try model.load(toPrune: criterion.prune, by: artifacts)
        let location = try ModelLocation(model.model)
        let data = URL(fileURLWithPath: dataDir)
        var strengths: [Double] = []
        for strength in pruningStrengths where !strengths.contains(strength) { strengths.append(strength) }
        let test = data.appending(path: "test")
        let datasets = datasets.isEmpty ? ScenarioSet.names(in: test) : datasets
        guard !datasets.isEmpty else { throw EvaluationError.noDatasets(directory: test.relativePath) }
        let measured = try artifacts.load(for: decoder)
        let asked = SweepConfiguration(
            model: decoder.fingerprint, strengths: strengths, datasets: datasets, samples: numSamples,
            usesHistory: useHistory, maxNewTokens: maxNewTokens, temperature: temperature, seed: seed,
            compilation: criterion.options(.strength(0), seed: seed), scoring: scoring,
            comparesBlind: compareBlind, precision: decoder.precision,
            artifacts: PruningArtifacts.digest(of: artifacts.url(for: location, quantization: decoder.quantization))
        )
        let sweep = try Sweep(decoder, measured, asked, dataDirectory: data)
        let configuration = sweep.configuration
        let parent = URL(fileURLWithPath: resultsDir)
            .appending(path: location.shortName(quantization: decoder.quantization))
        let folder = try ResultsFolder(in: parent, name: runName, configuration, resuming: resume)
        Console.note("results in \(folder.url.relativePath)")
        for sample in sweep.sampled {
            Console.note(
                "\(sample.answered) of \(sample.scenarios) scenarios of \(sample.dataset.printable) (--num-samples)")
        }
        if resume, !folder.isResumed {
            Console.note("no earlier run of these settings to go on with; this is a new one")
        }
        let (log, earlier) = try ResultsLog.resume(in: folder.url)
        let (pathwayLog, earlierPathways) = try PathwayLog.resume(in: folder.url)
        var logged = Set(earlierPathways.map(\.key))
        var results = earlier
        var warned: [String: Set<String>] = [:]
        InterruptNote.set(
            "stopped; to go on, give the same command with --resume --name \(folder.url.lastPathComponent.shellQuoted)")
        let line = ProgressLine("turns")
        defer { line.finish() }
        try sweep.run(
            resuming: earlier,
            onPathway: { pathway, warnings in
                for warning in warnings {
                    warned[warning, default: []].insert("\(pathway.dataset)/\(pathway.scenario)")
                }
                if logged.insert(pathway.key).inserted { try pathwayLog.append(pathway) }
            },
            onTurn: { result in
                try log.append(result)
                results.append(result)
                line.update(done: results.count, total: sweep.turnCount)
            })
        line.finish()
        warn(warned)
        let summary = SweepSummary(results, seed: seed)
        let output = Output(
            run: folder.url.lastPathComponent, configuration: configuration, rows: summary.rows,
            overall: summary.overall, comparisons: summary.comparisons)
        try folder.writeSummary(output)
        if json { return try Console.printJSON(output) }
        Console.print(SummaryTable.text(summary))
    }

    /// What pathways were compiled with warnings, the most frequent first, with the number of scenarios.
    private func warn(_ warned: [String: Set<String>]) {
        let most = 5
        let sorted = warned.sorted { ($1.value.count, $0.key) < ($0.value.count, $1.key) }
        Console.warn(
            sorted.prefix(most).map { "\($0.value.count) \($0.value.count == 1 ? "scenario" : "scenarios"): \($0.key)" }
        )
        if sorted.count > most { Console.warn(["\(sorted.count - most) more warnings of other scenarios"]) }
    }
}
