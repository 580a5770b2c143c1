import ArgumentParser
import Basics
import ScenarioPruning
import Transformer

extension PruningCriterion: ExpressibleByArgument {}
extension Compensation: ExpressibleByArgument {}
extension AlwaysKeep: ExpressibleByArgument {}

/// Where the model's artifacts are.
struct ArtifactsOptions: ParsableArguments {
    @Option(help: "The artifacts directory that `train` made. (default: artifacts/<model>)")
    var artifacts: String?

    func validate() throws {
        if artifacts == "" { throw ValidationError("--artifacts is empty, expected a folder") }
    }

    func url(for model: ModelLocation, quantization: String) -> URL {
        URL(fileURLWithPath: artifacts ?? "artifacts/\(model.shortName(quantization: quantization))")
    }

    func load(for model: DecoderModel) throws -> PruningArtifacts {
        let location = try ModelLocation(model.source.path)
        return try PruningArtifacts(contentsOf: url(for: location, quantization: model.quantization), for: model)
    }
}

/// The argument of `--prune`.
struct PrunedKinds {
    static let `default` = PrunedKinds(kinds: [.heads])

    let kinds: Set<UnitKind>

    private init(kinds: Set<UnitKind>) { self.kinds = kinds }

    init(_ argument: String) throws {
        let names = argument.split(separator: ",").map { String($0).trimmed }
        let kinds = names.compactMap(UnitKind.init(rawValue:))
        guard !names.isEmpty, kinds.count == names.count else {
            let known = UnitKind.allCases.map(\.rawValue).joined(separator: ", ")
            throw ValidationError("--prune is \"\(argument)\", expected one or more of \(known), separated by commas")
        }
        self.init(kinds: Set(kinds))
    }
}

/// How heads and feed-forward blocks are chosen, whatever the budget.
struct CriterionOptions: ParsableArguments {
    @Option(help: "How heads and feed-forward blocks are scored.")
    var criterion = PruningCriterion.default

    @Option(help: "What stands in for a pruned head or block: its mean, or none.")
    var compensation = Compensation.default

    @Option(help: "Heads that are never pruned. (default: none with causal importance, else whitelist)")
    var alwaysKeep: AlwaysKeep?

    @Option(
        help: ArgumentHelp(
            "What is pruned, separated by commas: heads, feed-forward. With feed-forward the budget is a share of the "
                + "model's multiply-adds, without it a share of the heads. (default: heads)", valueName: "kinds"),
        transform: PrunedKinds.init)
    var prune = PrunedKinds.default

    @Flag(inversion: .prefixedNo, help: "Calibrate the probes' probabilities.")
    var useCalibration = true

    @Flag(help: "Diagnose the scenario with the first quarter of the layers alone: faster, and a little less sure.")
    var earlyExit = false

    /// Whether nothing on the command line says otherwise.
    var isDefault: Bool {
        let standard = CompilationOptions()
        return options(standard.budget, seed: standard.seed) == standard
    }

    /// How pathways are compiled.
    func options(_ budget: PruningBudget, seed: UInt64) -> CompilationOptions {
        var options = CompilationOptions()
        options.budget = budget
        options.criterion = criterion
        options.compensation = compensation
        options.alwaysKeep = alwaysKeep
        options.units = prune.kinds
        options.usesCalibration = useCalibration
        options.exitsEarly = earlyExit
        options.seed = seed
        return options
    }
}

/// How much is pruned.
struct BudgetOptions: ParsableArguments {
    @Option(
        parsing: .unconditional,
        help:
            """
            Eta in [0, 1]: higher prunes more; a broad scenario keeps more. (default where a scenario is compiled: \
            0.4)
            """
    )
    var pruningStrength: Double?

    @Option(
        parsing: .unconditional, help: "Prune this fraction, in [0, 1], as far as may be pruned, instead of a strength."
    )
    var prunedFraction: Double?

    mutating func validate() throws {
        if pruningStrength != nil, prunedFraction != nil {
            throw ValidationError("give --pruning-strength or --pruned-fraction, not both")
        }
        for (flag, value) in [("--pruning-strength", pruningStrength), ("--pruned-fraction", prunedFraction)] {
            if let value, !(0...1).contains(value) { throw ValidationError("\(flag) is \(value), expected 0 to 1") }
        }
    }

    var budget: PruningBudget { prunedFraction.map { .fraction($0) } ?? .strength(pruningStrength ?? 0.4) }

    /// Whether the command line asks for pruning at all.
    var isGiven: Bool { pruningStrength != nil || prunedFraction != nil }
}
