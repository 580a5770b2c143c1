import ArgumentParser
import Foundation
import ScenarioPruning
import Transformer

struct Compile: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Compile a scenario's description into a pathway.",
        discussion: """
            Reads the description with one dense pass, infers its mixture of domains, scores every head and keeps \
            those worth running.
            """)

    @OptionGroup var model: ModelOptions
    @OptionGroup var artifacts: ArtifactsOptions

    @Option(help: "What the scenario is about, in a sentence or two.")
    var scenario: String

    @OptionGroup var budget: BudgetOptions
    @OptionGroup var criterion: CriterionOptions

    @Flag(inversion: .prefixedNo, help: "Calibrate the probes' probabilities.")
    var useCalibration = true

    @Option(help: "For criteria that draw at random.")
    var seed: UInt64 = 42

    @Option(help: "Write the pathway to this file, for `generate --pathway`.")
    var output: String?

    @Flag(help: "Print one JSON object.")
    var json = false

    private struct Output: Encodable {
        struct Milliseconds: Encodable {
            let diagnose: Double
            let compile: Double
            let select: Double
        }

        let domains: [String: Double]
        let breadth: Double
        let fallback: Bool
        let requestedFraction: Double
        let prunedFraction: Double
        let keptHeads: [[Int]]
        let milliseconds: Milliseconds
        let warnings: [String]
    }

    func run() throws {
        let decoder = try model.load()
        let compiler = try ScenarioCompiler(decoder, try artifacts.load(for: decoder, named: model.model))
        var options = CompilationOptions()
        options.budget = budget.budget
        options.usesCalibration = useCalibration
        options.seed = seed
        criterion.apply(to: &options)
        let compiled = try compiler.compile(scenario, options)
        if let output { try PathwayFile(compiled.pathway, for: decoder).write(to: URL(fileURLWithPath: output)) }
        Console.warn(compiled.warnings)
        let relevance = zip(compiled.domains, compiled.diagnosis.relevance)
        if json {
            return try Console.printJSON(
                Output(
                    domains: Dictionary(uniqueKeysWithValues: Array(relevance)), breadth: compiled.diagnosis.breadth,
                    fallback: compiled.diagnosis.isFallback, requestedFraction: compiled.requestedFraction,
                    prunedFraction: compiled.prunedFraction, keptHeads: compiled.pathway.keptHeads,
                    milliseconds: .init(
                        diagnose: compiled.diagnoseMilliseconds, compile: compiled.compileMilliseconds,
                        select: compiled.selectMilliseconds), warnings: compiled.warnings))
        }
        for (domain, value) in relevance.sorted(by: { ($1.1, $0.0) < ($0.1, $1.0) }) {
            print(String(format: "%6.3f  ", value) + domain)
        }
        let heads = decoder.configuration.layers * decoder.configuration.heads
        let kept = compiled.pathway.keptHeads.reduce(0) { $0 + $1.count }
        print(
            String(
                format: "breadth %.3f; %.1f%% pruned: %d of %d heads run", compiled.diagnosis.breadth,
                100 * compiled.prunedFraction, kept, heads))
        for (layer, heads) in compiled.pathway.keptHeads.enumerated() {
            let row = (0..<decoder.configuration.heads).map { heads.contains($0) ? "#" : "." }.joined()
            print(String(format: "layer %3d  ", layer) + row)
        }
        print(
            String(
                format: "diagnosed in %.1f ms, compiled in %.2f ms (selection %.2f ms)", compiled.diagnoseMilliseconds,
                compiled.compileMilliseconds, compiled.selectMilliseconds))
    }
}
