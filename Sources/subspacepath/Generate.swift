import ArgumentParser
import Basics
import Checkpoints
import ScenarioPruning
import Transformer

struct Generate: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Answer a prompt, along a scenario's pathway where one is given.",
        discussion: """
            With --scenario a pathway is compiled from the description first; with --pathway a compiled one is \
            read from a file. Without either the whole model runs.

            EXAMPLES
              subspacepath generate --prompt "What is a base?"
              subspacepath generate --scenario "A chemistry tutor" --system "Answer in one sentence." \\
                  --prompt "What is a base?"
              subspacepath generate --prompt-file /dev/stdin < question.txt
            """)

    @OptionGroup var model: ModelOptions
    @OptionGroup var artifacts: ArtifactsOptions

    @OptionGroup var prompt: PromptOptions

    @Option(parsing: .unconditional, help: "What the conversation is about, in a sentence or two.")
    var scenario: String?

    @Option(help: "A pathway that `compile --output` wrote.")
    var pathway: String?

    @OptionGroup var budget: BudgetOptions
    @OptionGroup var criterion: CriterionOptions

    @Option(parsing: .unconditional, help: "Stop after this many tokens.")
    var maxNewTokens = 256

    @Option(parsing: .unconditional, help: "0 takes the most likely token; higher is more varied.")
    var temperature = 0.0

    @Option(parsing: .unconditional, help: "Draw from the fewest tokens that reach this probability.")
    var topP = 1.0

    @Option(parsing: .unconditional, help: "Draw from this many of the most likely tokens; 0 for all.")
    var topK = 0

    @Option(parsing: .unconditional, help: "The same seed draws the same text.")
    var seed: UInt64 = 42

    @Flag(help: "Print one JSON object instead of streaming text.")
    var json = false

    private struct Output: Encodable {
        let text: String
        let promptTokens: Int
        let newTokens: Int
        let tokensPerSecond: Double
        let prunedFraction: Double
        let multiplyAddsRemoved: Double
        let stopReason: String
    }

    func validate() throws {
        if scenario != nil, pathway != nil { throw ValidationError("give --scenario or --pathway, not both") }
        if maxNewTokens < 1 { throw ValidationError("--max-new-tokens is \(maxNewTokens), expected at least 1") }
        if !(temperature >= 0 && temperature.isFinite) {
            throw ValidationError("--temperature is \(temperature), expected 0 or more")
        }
        if !(topP > 0 && topP <= 1) { throw ValidationError("--top-p is \(topP), expected above 0, up to 1") }
        if topK < 0 { throw ValidationError("--top-k is \(topK), expected 0 or more") }
        if scenario == nil, budget.isGiven { throw ValidationError("a pruning budget needs a --scenario") }
        if scenario == nil, artifacts.artifacts != nil || !criterion.isDefault {
            throw ValidationError("options of how a pathway is compiled need a --scenario")
        }
    }

    /// The model, and the pathway that it answers along.
    private func load() throws -> (DecoderModel, Pathway?) {
        if let pathway {
            let url = URL(fileURLWithPath: pathway)
            let file = try PathwayFile(contentsOf: url)
            let checkpoint = try model.open()
            try file.check(
                for: ModelFingerprint(checkpoint, try ModelConfiguration(checkpoint)), readFrom: url)
            return (try model.load(checkpoint, channelOrder: file.pathway.channelOrder), file.pathway)
        }
        guard let scenario else { return (try model.load(), nil) }
        let decoder = try model.load(toPrune: criterion.prune, by: artifacts)
        let compiled = try ScenarioCompiler(decoder, try artifacts.load(for: decoder))
            .compile(scenario, criterion.options(budget.budget, seed: seed))
        Console.warn(compiled.warnings)
        return (decoder, compiled.pathway)
    }

    func run() throws {
        let text = try prompt.text()
        let (decoder, pathway) = try load()
        let ids = prompt.tokens(of: text, for: decoder)
        let session = try InferenceSession(decoder, along: pathway)
        let options = GenerationOptions(
            maxNewTokens: maxNewTokens,
            sampling: SamplingParameters(temperature: temperature, topK: topK, topP: topP, seed: seed))
        let summary = try session.generate(after: ids, options: options) { piece in
            if !json { Console.write(piece) }
            return true
        }
        guard json else { return Console.write("\n") }
        try Console.printJSON(
            Output(
                text: summary.text, promptTokens: summary.promptTokens, newTokens: summary.tokens.count,
                tokensPerSecond: summary.tokensPerSecond,
                prunedFraction: pathway?.prunedFraction(heads: decoder.configuration.heads) ?? 0,
                multiplyAddsRemoved: PathwayCost(decoder, along: pathway).removed(from: PathwayCost(decoder)),
                stopReason: summary.stopReason.rawValue))
    }
}
