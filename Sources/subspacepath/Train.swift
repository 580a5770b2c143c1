import ArgumentParser
import Basics
import DomainBasis
import ScenarioPruning
import Transformer

struct Train: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Measure a model once: probes, calibration, importance of heads and feed-forward blocks, whitelist.",
        discussion: """
            Reads <data-dir>/train/<domain>.json and <data-dir>/val/<domain>.json, lists of inputs, for the probes. \
            Other domains in both stand for what lies outside. Importance is measured on \
            <data-dir>/answered/<domain>.json, questions followed by their answers, or on the training inputs where \
            there is none. A run that was stopped goes on after \
            its last finished stage, in causal importance after its last text, when the same command is given again.
            """)

    /// What `--importance` takes: each is measured beside those before it.
    enum Importance: String, ExpressibleByArgument, CaseIterable {
        case axisEnergy = "axis-energy"
        case causal
    }

    @OptionGroup var model: ModelOptions

    @Option(help: "The folder of train/, val/ and answered/.")
    var dataDir = "data"

    @Option(parsing: .upToNextOption, help: "The domains to train for, separated by spaces.")
    var selectedDomains = OfflineTraining.Options().domains

    @Option(parsing: .unconditional, help: "Epochs of probe training.")
    var finalProbeEpochs = 20

    @Option(parsing: .unconditional, help: "Training inputs, and answered texts, for each domain. (default: all)")
    var numSamplesPerDomain: Int?

    @Option(
        help: "The most that is measured: causal importance takes minutes, everything else a few passes over the texts."
    )
    var importance = Importance.causal

    @Option(parsing: .unconditional, help: "Tokens of each domain that heads' causal importance is measured on.")
    var causalTokens = CausalMeasurement.Budget().headTokens

    @Option(
        parsing: .unconditional,
        help: "The same for feed-forward blocks, which are measured by layers and take little time; 0 leaves them out.")
    var feedForwardTokens = CausalMeasurement.Budget().feedForwardTokens

    @Option(
        parsing: .unconditional,
        help: "First layers whose heads are all whitelisted. (default: 3, fewer for shallow models)")
    var foundationLayers: Int?

    @Option(parsing: .unconditional, help: "The same seed gives the same artifacts.")
    var seed: UInt64 = 42

    @Option(help: "Where the artifacts go. (default: artifacts/<model>)")
    var outputDir: String?

    @Flag(help: "Make finished artifacts that stand there anew, or replace them by these.")
    var overwrite = false

    @Flag(help: "Print one JSON object.")
    var json = false

    private struct Output: Encodable {
        struct Layer: Encodable {
            let validationAccuracy: Double
            let temperatures: [String: Double]
            let calibrationErrorBefore: [String: Double]
            let calibrationErrorAfter: [String: Double]
        }

        struct ImportanceSummary: Encodable {
            let criterion: PruningCriterion
            let meanByDomain: [String: Double]
            let smallest: Float
            let largest: Float
        }

        struct WhitelistSummary: Encodable {
            let heads: Int
            let foundationLayers: Int
            let variationTest: MannWhitneyTest?
        }

        let output: String
        let domains: [String]
        let meanValidationAccuracy: Double
        let layers: [Layer]
        let importance: ImportanceSummary
        let whitelist: WhitelistSummary
        let seconds: Double
    }

    func validate() throws {
        if finalProbeEpochs < 1 {
            throw ValidationError("--final-probe-epochs is \(finalProbeEpochs), expected at least 1")
        }
        if let numSamplesPerDomain, numSamplesPerDomain < 1 {
            throw ValidationError("--num-samples-per-domain is \(numSamplesPerDomain), expected at least 1")
        }
        if causalTokens < 1 { throw ValidationError("--causal-tokens is \(causalTokens), expected at least 1") }
        if feedForwardTokens < 0 {
            throw ValidationError("--feed-forward-tokens is \(feedForwardTokens), expected 0 or more")
        }
        if Set(selectedDomains).count < selectedDomains.count {
            throw ValidationError("--selected-domains names a domain twice")
        }
        if outputDir == "" { throw ValidationError("--output-dir is empty, expected a folder") }
        if let foundationLayers, foundationLayers < 0 {
            throw ValidationError("--foundation-layers is \(foundationLayers), expected 0 or more")
        }
    }

    func run() throws {
        let clock = ContinuousClock()
        let start = clock.now
        var line = ProgressLine("")
        var current: OfflineTraining.Stage?
        let options = trainingOptions
        let stages = options.stages
        let (training, output) = try prepare(options) { progress in
            if progress.stage != current {
                line.finish()
                current = progress.stage
                line = ProgressLine(
                    "stage \(stages.firstIndex(of: progress.stage)! + 1) of \(stages.count), \(progress.stage.rawValue)"
                )
                if progress.resumed { Console.note("\(progress.stage.rawValue): done by an earlier run") }
            }
            line.update(done: progress.done, total: progress.total)
        }
        defer { line.finish() }
        Console.warn(training.warnings)
        InterruptNote.set("stopped; the same command goes on after what is finished")
        let artifacts = try training.run()
        line.finish()
        if importance != .causal {
            Console.note(
                "these artifacts have no causal importance: other commands need a --criterion, such as axis-energy")
        }
        try show(artifacts, at: output, seconds: (clock.now - start).inSeconds)
    }

    private var trainingOptions: OfflineTraining.Options {
        var options = OfflineTraining.Options()
        options.dataDirectory = URL(fileURLWithPath: dataDir)
        options.domains = selectedDomains
        options.samplesPerDomain = numSamplesPerDomain
        options.probe.epochs = finalProbeEpochs
        options.probe.seed = seed
        options.foundationLayers = foundationLayers
        options.causalBudget = nil
        if importance == .causal {
            var budget = CausalMeasurement.Budget()
            (budget.headTokens, budget.feedForwardTokens) = (causalTokens, feedForwardTokens)
            options.causalBudget = budget
        }
        options.seed = seed
        return options
    }

    /// The training, which alone has the model, and where its artifacts go.
    private func prepare(
        _ options: OfflineTraining.Options, onProgress: @escaping (OfflineTraining.Progress) -> Void
    ) throws -> (training: OfflineTraining, output: URL) {
        let decoder = try model.load()
        if let foundationLayers, foundationLayers >= decoder.configuration.layers {
            throw ValidationError(
                "--foundation-layers is \(foundationLayers), expected fewer than the model's "
                    + "\(decoder.configuration.layers)")
        }
        let name = try ModelLocation(model.model).shortName(quantization: decoder.quantization)
        let output = URL(fileURLWithPath: outputDir ?? "artifacts/\(name)")
        let training = try OfflineTraining(
            decoder, options, output: output, overwriting: overwrite, onProgress: onProgress)
        return (training, output)
    }

    private func show(_ artifacts: PruningArtifacts, at output: URL, seconds: Double) throws {
        let layers = artifacts.validationAccuracy.indices.map { layer in
            func byRegime(_ value: (RegimeCalibration) -> [Double]) -> [String: Double] {
                Dictionary(
                    uniqueKeysWithValues: artifacts.temperatures.map { ($0.key.rawValue, value($0.value)[layer]) })
            }
            return Output.Layer(
                validationAccuracy: artifacts.validationAccuracy[layer], temperatures: byRegime(\.temperatures),
                calibrationErrorBefore: byRegime(\.errorBefore), calibrationErrorAfter: byRegime(\.errorAfter))
        }
        let shown = artifacts.importance.heads.tables
        guard let table = shown[.causal] ?? shown[.axisEnergy] else { return }
        let means = (0..<table.domains).map { domain in
            let values = stride(from: domain, to: table.values.count, by: table.domains).map {
                Double(table.values[$0])
            }
            return values.reduce(0, +) / Double(values.count)
        }
        let accuracy = artifacts.validationAccuracy.reduce(0, +) / Double(layers.count)
        let result = Output(
            output: output.path, domains: artifacts.domains, meanValidationAccuracy: accuracy, layers: layers,
            importance: .init(
                criterion: shown[.causal] == nil ? .axisEnergy : .causal,
                meanByDomain: Dictionary(uniqueKeysWithValues: zip(artifacts.domains, means)),
                smallest: table.values.min() ?? 0, largest: table.values.max() ?? 0),
            whitelist: .init(
                heads: artifacts.whitelist.count, foundationLayers: artifacts.whitelist.foundationLayers,
                variationTest: artifacts.whitelist.variationTest),
            seconds: seconds)
        if json { return try Console.printJSON(result) }
        Console.print(
            "layer  accuracy  " + CalibrationRegime.allCases.map { "T \($0.rawValue)" }.joined(separator: "  ")
                + "   calibration error before -> after, same order")
        for (index, layer) in layers.enumerated() {
            let regimes = CalibrationRegime.allCases.map(\.rawValue)
            let temperatures = regimes.map { name in
                let text = layer.temperatures[name].map { formatted("%.2f", $0) } ?? "-"
                return String(repeating: " ", count: max(0, name.count + 2 - text.count)) + text
            }
            let errors = regimes.compactMap { name -> String? in
                guard let before = layer.calibrationErrorBefore[name], let after = layer.calibrationErrorAfter[name]
                else {
                    return nil
                }
                return formatted("%.3f -> %.3f", before, after)
            }
            Console.print(
                formatted("%5d  %8.3f  ", index, layer.validationAccuracy) + temperatures.joined(separator: "  ")
                    + "   " + errors.joined(separator: ", "))
        }
        Console.print(formatted("mean validation accuracy %.3f", accuracy))
        let test = artifacts.whitelist.variationTest.map {
            formatted("; Mann-Whitney p = %.2g that they vary less", $0.pValue)
        }
        Console.print("whitelist: \(artifacts.whitelist.count) of \(table.layers * table.units) heads" + (test ?? ""))
        Console.print("artifacts in \(output.path), \(ProgressLine.format(seconds))")
    }
}
