import ArgumentParser
import Basics
import Checkpoints
import ScenarioPruning
import Transformer

/// Which model answers, along which pathway.
struct PathwayOptions: ParsableArguments {
    @OptionGroup var model: ModelOptions
    @OptionGroup var artifacts: ArtifactsOptions

    @Option(parsing: .unconditional, help: "What the conversation is about, in a sentence or two.")
    var scenario: String?

    @Option(help: "A pathway that `compile --output` wrote.")
    var pathway: String?

    @OptionGroup var budget: BudgetOptions
    @OptionGroup var criterion: CriterionOptions

    func validate() throws {
        if scenario != nil, pathway != nil { throw ValidationError("give --scenario or --pathway, not both") }
        if scenario == nil, budget.isGiven { throw ValidationError("a pruning budget needs a --scenario") }
        if scenario == nil, artifacts.artifacts != nil || !criterion.isDefault {
            throw ValidationError("options of how a pathway is compiled need a --scenario")
        }
    }

    /// The model, and the pathway that it answers along; nil for all of it.
    ///
    /// - Parameter seed: for criteria that draw at random.
    func load(seed: UInt64) throws -> (DecoderModel, Pathway?) {
        if let pathway { return try load(along: URL(fileURLWithPath: pathway)) }
        guard let scenario else { return (try model.load(), nil) }
        let decoder = try model.load(toPrune: criterion.prune, by: artifacts)
        let compiled = try ScenarioCompiler(decoder, try artifacts.load(for: decoder))
            .compile(scenario, criterion.options(budget.budget, seed: seed))
        Console.warn(compiled.warnings)
        return (decoder, compiled.pathway)
    }

    private func load(along url: URL) throws -> (DecoderModel, Pathway?) {
        let file = try PathwayFile(contentsOf: url)
        let checkpoint = try model.open()
        try file.check(for: ModelFingerprint(checkpoint, try ModelConfiguration(checkpoint)), readFrom: url)
        return (try model.load(checkpoint, channelOrder: file.pathway.channelOrder), file.pathway)
    }
}
