import ArgumentParser
import Evaluation
import Foundation
import ScenarioPruning
import Transformer

struct Bench: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Measure speed and memory, dense or along a pathway.",
        discussion: "Reads a prompt of random tokens and writes text, several times after a warm-up; medians are shown."
    )

    @OptionGroup var model: ModelOptions
    @OptionGroup var artifacts: ArtifactsOptions
    @OptionGroup var criterion: CriterionOptions

    @Option(help: "Tokens of the prompt.")
    var promptTokens = 512

    @Option(help: "Tokens to write.")
    var generateTokens = 64

    @Option(help: "Prune this fraction of the heads, ranked by their average over domains.")
    var prunedFraction: Double?

    @Option(help: "Rank the heads for this scenario instead.")
    var scenario: String?

    @Option(help: "Counted repetitions.")
    var repetitions = 5

    @Option(help: "The same seed takes the same tokens.")
    var seed: UInt64 = 42

    @Flag(help: "Print one JSON object.")
    var json = false

    private struct Output: Encodable {
        let prefillTokensPerSecond: Double
        let decodeTokensPerSecond: Double
        let peakResidentBytes: Int
        let loadSeconds: Double
        let threads: Int
        let instructionSet: String
        let precision: String
        let prunedFraction: Double
        let promptTokens: Int
        let generateTokens: Int
        let prefillSamples: [Double]
        let decodeSamples: [Double]
    }

    func validate() throws {
        if promptTokens < 1 { throw ValidationError("--prompt-tokens is \(promptTokens), expected at least 1") }
        if generateTokens < 1 { throw ValidationError("--generate-tokens is \(generateTokens), expected at least 1") }
        if !(1...1000).contains(repetitions) {
            throw ValidationError("--repetitions is \(repetitions), expected 1 to 1000")
        }
        if let prunedFraction, !(0...1).contains(prunedFraction) {
            throw ValidationError("--pruned-fraction is \(prunedFraction), expected 0 to 1")
        }
        if scenario != nil, prunedFraction == nil { throw ValidationError("--scenario needs a --pruned-fraction") }
    }

    private func pathway(_ decoder: DecoderModel) throws -> Pathway? {
        guard let prunedFraction else { return nil }
        let compiler = try ScenarioCompiler(decoder, try artifacts.load(for: decoder, named: model.model))
        var options = CompilationOptions()
        options.budget = .fraction(prunedFraction)
        options.seed = seed
        criterion.apply(to: &options)
        let compiled =
            try scenario.map { try compiler.compile($0, options) } ?? compiler.compile(compiler.domainAverage, options)
        Console.warn(compiled.warnings)
        return compiled.pathway
    }

    func run() throws {
        let clock = ContinuousClock()
        let start = clock.now
        let decoder = try model.load()
        let loadSeconds = (clock.now - start).inSeconds
        let pathway = try pathway(decoder)
        let line = ProgressLine("repetitions")
        let benchmark = try SpeedBenchmark(
            decoder, along: pathway, promptTokens: promptTokens, generateTokens: generateTokens,
            repetitions: repetitions, seed: seed
        ) { line.update(done: $0, total: repetitions) }
        line.finish()
        let output = Output(
            prefillTokensPerSecond: SpeedBenchmark.median(benchmark.prefill),
            decodeTokensPerSecond: SpeedBenchmark.median(benchmark.decode),
            peakResidentBytes: SpeedBenchmark.peakResidentBytes, loadSeconds: loadSeconds,
            threads: decoder.pool.threads,
            instructionSet: decoder.pool.instructionSet, precision: decoder.precision.rawValue,
            prunedFraction: pathway?.prunedFraction(heads: decoder.configuration.heads) ?? 0,
            promptTokens: promptTokens,
            generateTokens: generateTokens, prefillSamples: benchmark.prefill, decodeSamples: benchmark.decode)
        if json { return try Console.printJSON(output) }
        func range(_ samples: [Double]) -> String {
            String(format: "(%.1f to %.1f)", samples.min() ?? 0, samples.max() ?? 0)
        }
        print(
            """
            prompt of \(promptTokens)    \(String(format: "%8.1f", output.prefillTokensPerSecond)) tokens/s  \(range(benchmark.prefill))
            generation       \(String(format: "%8.1f", output.decodeTokensPerSecond)) tokens/s  \(range(benchmark.decode))
            heads pruned     \(String(format: "%8.1f", 100 * output.prunedFraction)) %
            load             \(String(format: "%8.2f", loadSeconds)) s
            peak resident    \(String(format: "%8.1f", Double(output.peakResidentBytes) / 1_048_576)) MiB
            \(output.threads) threads, \(output.instructionSet), \(output.precision)
            """)
    }
}
