import ArgumentParser
import Basics
import Evaluation
import ScenarioPruning
import Transformer

struct Bench: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Measure speed and memory, dense or along a pathway.",
        discussion: """
            Reads prompts of random tokens and writes text after each, several times after a warm-up; medians are \
            shown, with the smallest and the largest. After the prompt and after every token written it finds the \
            most likely next one, as `generate` does. The machine's own limits are measured in between: reading \
            memory, products of 8-bit integers and of single precision on the same threads, and steps without work, \
            of which a token takes about five for each layer.

            With --pruned-fraction or --pruning-strength the dense model and a pathway take turns, and a second table \
            holds the time saved against the multiply-adds removed. What is pruned goes by importance averaged over \
            domains; with --scenario it is that scenario's, and a third table holds how long it takes to compile \
            against a dense pass over its description.

            EXAMPLES
              subspacepath bench --prompt-tokens 32 512 2000 8000
              subspacepath bench --pruned-fraction 0.4 --repetitions 20
              subspacepath bench --pruned-fraction 0.4 --scenario "A chemistry tutor on acids and bases"
            """
    )

    @OptionGroup var model: ModelOptions
    @OptionGroup var artifacts: ArtifactsOptions
    @OptionGroup var budget: BudgetOptions
    @OptionGroup var criterion: CriterionOptions

    @Option(
        parsing: .upToNextOption,
        help: "Tokens of the prompt; several, separated by spaces, make a table. (default: 512)")
    var promptTokens: [Int] = []

    @Option(parsing: .unconditional, help: "Tokens to write.")
    var generateTokens = 64

    @Option(parsing: .unconditional, help: "Prune for this scenario instead of all domains equally.")
    var scenario: String?

    @Option(parsing: .unconditional, help: "Counted repetitions.")
    var repetitions = 5

    @Option(parsing: .unconditional, help: "The same seed takes the same tokens.")
    var seed: UInt64 = 42

    @Option(help: "Write the results to this file as JSON, too.")
    var output: String?

    @Flag(help: "Print one JSON object.")
    var json = false

    /// What other programs may use of the processors without a word.
    private static let disturbance = 0.05

    mutating func validate() throws {
        if promptTokens.isEmpty { promptTokens = [512] }
        if output == "" { throw ValidationError("--output is empty, expected a file's name") }
        if let bad = promptTokens.first(where: { $0 < 1 }) {
            throw ValidationError("--prompt-tokens holds \(bad), expected at least 1")
        }
        if generateTokens < 1 { throw ValidationError("--generate-tokens is \(generateTokens), expected at least 1") }
        if !(1...1000).contains(repetitions) {
            throw ValidationError("--repetitions is \(repetitions), expected 1 to 1000")
        }
        if !budget.isGiven, scenario != nil || artifacts.artifacts != nil || !criterion.isDefault {
            throw ValidationError(
                "a --scenario, and options of how a pathway is compiled, need --pruning-strength or --pruned-fraction")
        }
    }

    /// A pathway to measure, and how long it takes to compile where it is a scenario's.
    private func pathway(_ decoder: DecoderModel) throws -> (pathway: Pathway, compilation: CompilationBenchmark?) {
        let compiler = try ScenarioCompiler(decoder, try artifacts.load(for: decoder))
        let options = criterion.options(budget.budget, seed: seed)
        let compiled =
            try scenario.map { try compiler.compile($0, options) } ?? compiler.compile(compiler.domainAverage, options)
        Console.warn(compiled.warnings)
        let compilation = try scenario.map {
            try CompilationBenchmark(compiler, decoder, description: $0, options, repetitions: repetitions)
        }
        return (compiled.pathway, compilation)
    }

    func run() throws {
        let clock = ContinuousClock()
        let start = clock.now
        let decoder = budget.isGiven ? try model.load(toPrune: criterion.prune, by: artifacts) : try model.load()
        let loadSeconds = (clock.now - start).inSeconds
        if let output { try URL(fileURLWithPath: output).checkIsNone(of: [decoder.source], for: "the model") }
        let pruned = budget.isGiven ? try pathway(decoder) : nil
        let line = ProgressLine("repetitions")
        defer { line.finish() }
        var report = try SpeedReport(
            of: decoder, named: try ModelLocation(model.model).file.lastPathComponent, along: pruned?.pathway,
            promptTokens: promptTokens, generateTokens: generateTokens, repetitions: repetitions, seed: seed,
            loadSeconds: loadSeconds
        ) { line.update(done: $0, total: $1) }
        line.finish()
        report.compilation = pruned?.compilation
        // What was measured is written even where it cannot be shown, and shown where it cannot be written.
        let written = Result {
            try output.map { try WholeFile.write(JSONLines.encode(report), to: URL(fileURLWithPath: $0)) }
        }
        if json { try Console.printJSON(report) } else { Console.print(SpeedTable.text(report)) }
        if let share = report.otherProgramsShare, share > Self.disturbance {
            Console.warn([
                formatted("other programs used %.0f%% of the processors meanwhile: speeds may be too low", 100 * share)
            ])
        }
        try written.get()
    }
}
