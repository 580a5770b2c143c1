import ArgumentParser
import Basics
import DomainBasis
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

    @Option(parsing: .unconditional, help: "What the scenario is about, in a sentence or two.")
    var scenario: String

    @OptionGroup var budget: BudgetOptions
    @OptionGroup var criterion: CriterionOptions

    @Option(parsing: .unconditional, help: "For criteria that draw at random.")
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
        let regime: CalibrationRegime?
        let requestedFraction: Double
        let reachedFraction: Double
        let prunedFraction: Double
        let multiplyAddsRemoved: Double
        let keptHeads: [[Int]]
        let keptBlocks: [[Int]]?
        let mixture: [String: Double]
        let milliseconds: Milliseconds
        let warnings: [String]
    }

    func validate() throws {
        if output == "" { throw ValidationError("--output is empty, expected a file's name") }
    }

    func run() throws {
        let decoder = try model.load(toPrune: criterion.prune, by: artifacts)
        if let output { try URL(fileURLWithPath: output).checkIsNone(of: [decoder.source], for: "the model") }
        let compiler = try ScenarioCompiler(decoder, try artifacts.load(for: decoder))
        let compiled = try compiler.compile(scenario, criterion.options(budget.budget, seed: seed))
        if let output { try PathwayFile(compiled.pathway, for: decoder).write(to: URL(fileURLWithPath: output)) }
        Console.warn(compiled.warnings)
        if json { try printJSON(compiled) } else { show(compiled, of: decoder) }
    }

    private static func name(of regime: CalibrationRegime) -> String {
        switch regime {
        case .singleDomain: "a scenario of one domain"
        case .crossDomain: "a scenario of several domains"
        case .outOfDomain: "a scenario outside the domains"
        }
    }

    private func printJSON(_ compiled: CompiledScenario) throws {
        let (names, diagnosis) = (compiled.domains, compiled.diagnosis)
        try Console.printJSON(
            Output(
                domains: Dictionary(uniqueKeysWithValues: zip(names, diagnosis.relevance)), breadth: diagnosis.breadth,
                fallback: diagnosis.isFallback, regime: diagnosis.regime,
                requestedFraction: compiled.requestedFraction, reachedFraction: compiled.reachedFraction,
                prunedFraction: compiled.prunedFraction, multiplyAddsRemoved: compiled.multiplyAddsRemoved,
                keptHeads: compiled.pathway.keptHeads, keptBlocks: compiled.pathway.keptBlocks,
                mixture: Dictionary(uniqueKeysWithValues: zip(names, diagnosis.mixture)),
                milliseconds: .init(
                    diagnose: compiled.diagnoseMilliseconds, compile: compiled.compileMilliseconds,
                    select: compiled.selectMilliseconds), warnings: compiled.warnings))
    }

    private func show(_ compiled: CompiledScenario, of decoder: DecoderModel) {
        let relevance = zip(compiled.domains, compiled.diagnosis.relevance)
        Console.print("relevance  share")
        for ((domain, value), share) in zip(relevance, compiled.diagnosis.mixture).sorted(by: {
            ($1.0.1, $0.0.0) < ($0.0.1, $1.0.0)
        }) {
            Console.print(formatted("%9.3f  %5.3f  ", value, share) + domain.printable)
        }
        let heads = decoder.configuration.layers * decoder.configuration.heads
        let kept = compiled.pathway.keptHeads.reduce(0) { $0 + $1.count }
        if let regime = compiled.diagnosis.regime { Console.print(Self.name(of: regime)) }
        Console.print(
            formatted(
                "breadth %.3f; %.1f%% of the heads pruned: %d of %d run; %.1f%% of the multiply-adds removed",
                compiled.diagnosis.breadth, 100 * compiled.prunedFraction, kept, heads,
                100 * compiled.multiplyAddsRemoved))
        func row(_ kept: [Int], of count: Int) -> String {
            (0..<count).map { kept.contains($0) ? "#" : "." }.joined()
        }
        let blocks = Pathway.blocks(ofFeedForward: decoder.configuration.feedForwardWidth)
        for (layer, heads) in compiled.pathway.keptHeads.enumerated() {
            let feedForward = compiled.pathway.keptBlocks.map { "  " + row($0[layer], of: blocks) } ?? ""
            Console.print(formatted("layer %3d  ", layer) + row(heads, of: decoder.configuration.heads) + feedForward)
        }
        Console.print(
            formatted(
                "diagnosed in %.1f ms, compiled in %.2f ms (selection %.2f ms)", compiled.diagnoseMilliseconds,
                compiled.compileMilliseconds, compiled.selectMilliseconds))
    }
}
