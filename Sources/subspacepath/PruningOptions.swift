import ArgumentParser
import Foundation
import ScenarioPruning
import Transformer

extension PruningCriterion: ExpressibleByArgument {}
extension Compensation: ExpressibleByArgument {}
extension AlwaysKeep: ExpressibleByArgument {}

/// Where the model's artifacts are.
struct ArtifactsOptions: ParsableArguments {
    @Option(help: "The artifacts directory that `train` made. (default: artifacts/<model>)")
    var artifacts: String?

    func url(for model: DecoderModel, at location: ModelLocation) -> URL {
        URL(fileURLWithPath: artifacts ?? "artifacts/\(location.shortName(quantization: model.quantization))")
    }

    func load(for model: DecoderModel, named name: String) throws -> PruningArtifacts {
        try PruningArtifacts(contentsOf: url(for: model, at: try ModelLocation(name)), for: model)
    }
}

/// How heads are chosen, whatever the budget.
struct CriterionOptions: ParsableArguments {
    @Option(help: "How heads are scored.")
    var criterion = PruningCriterion.default

    @Option(help: "What stands in for a pruned head: its mean output, or none.")
    var compensation = Compensation.default

    @Option(help: "Heads that are never pruned.")
    var alwaysKeep = AlwaysKeep.whitelist

    func apply(to options: inout CompilationOptions) {
        options.criterion = criterion
        options.compensation = compensation
        options.alwaysKeep = alwaysKeep
    }
}

/// How many heads are pruned.
struct BudgetOptions: ParsableArguments {
    @Option(help: "Eta in [0, 1]: higher prunes more; a broad scenario keeps more. (default: 0.4)")
    var pruningStrength: Double?

    @Option(help: "Prune exactly this fraction of the heads, in [0, 1], instead of a strength.")
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
