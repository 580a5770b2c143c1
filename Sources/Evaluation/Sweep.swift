import DomainBasis
import Foundation
import ScenarioPruning
import Tokenizers
import Transformer

/// What a sweep runs: recorded with its results, so that only the same sweep resumes them.
public struct SweepConfiguration: Sendable, Codable, Equatable {
    public var model: ModelFingerprint
    public var strengths: [Double]
    public var datasets: [String]
    /// Scenarios of each dataset, drawn by the seed; nil for all.
    public var samples: Int?
    /// Whether a turn sees the scenario's earlier turns.
    public var usesHistory: Bool
    public var usesCalibration: Bool
    public var maxNewTokens: Int
    public var temperature: Double
    public var seed: UInt64
    public var criterion: PruningCriterion
    public var compensation: Compensation
    public var alwaysKeep: AlwaysKeep

    public init(
        model: ModelFingerprint, strengths: [Double], datasets: [String], samples: Int?, usesHistory: Bool,
        usesCalibration: Bool, maxNewTokens: Int, temperature: Double, seed: UInt64, criterion: PruningCriterion,
        compensation: Compensation, alwaysKeep: AlwaysKeep
    ) {
        self.model = model
        self.strengths = strengths
        self.datasets = datasets
        self.samples = samples
        self.usesHistory = usesHistory
        self.usesCalibration = usesCalibration
        self.maxNewTokens = maxNewTokens
        self.temperature = temperature
        self.seed = seed
        self.criterion = criterion
        self.compensation = compensation
        self.alwaysKeep = alwaysKeep
    }
}

/// Answers scenarios along pathways of several strengths and scores the answers.
public final class Sweep {
    private let model: DecoderModel
    private let compiler: ScenarioCompiler
    private let configuration: SweepConfiguration
    private let sets: [ScenarioSet]

    public init(
        _ model: DecoderModel, _ artifacts: PruningArtifacts, _ configuration: SweepConfiguration, dataDirectory: URL
    ) throws {
        self.model = model
        self.configuration = configuration
        compiler = try ScenarioCompiler(model, artifacts)
        let directory = dataDirectory.appending(path: "test")
        sets = try configuration.datasets.map { name in
            let set = try ScenarioSet(name, in: directory)
            guard let samples = configuration.samples, samples < set.scenarios.count else { return set }
            var generator = SplitMix64(seed: configuration.seed)
            let chosen = set.scenarios.indices.shuffled(using: &generator).prefix(samples).sorted()
            return ScenarioSet(name: name, scenarios: chosen.map { set.scenarios[$0] })
        }
    }

    /// Turns of the whole sweep.
    public var turnCount: Int {
        strengths.count * sets.reduce(0) { $0 + $1.scenarios.reduce(0) { $0 + $1.turns.count } }
    }

    /// Dense first, then the strengths as given.
    private var strengths: [Double] { [0] + configuration.strengths.filter { $0 != 0 } }

    /// Answers every turn that `earlier` does not hold.
    ///
    /// Scenarios are the outer loop, so that every strength sees the same machine and a stopped sweep compares
    /// like with like.
    ///
    /// - Parameter onTurn: takes each result as it comes.
    public func run(resuming earlier: [TurnResult], onTurn: (TurnResult) throws -> Void) throws {
        var done: [String: TurnResult] = [:]
        for result in earlier { done[key(result.dataset, result.scenario, result.strength, result.turn)] = result }
        for set in sets {
            for scenario in set.scenarios {
                for strength in strengths {
                    try answer(scenario, of: set.name, strength: strength, done: done, onTurn)
                }
            }
        }
    }

    private func key(_ dataset: String, _ scenario: String, _ strength: Double, _ turn: Int) -> String {
        "\(dataset)/\(scenario)/\(strength)/\(turn)"
    }

    private func answer(
        _ scenario: Scenario, of dataset: String, strength: Double, done: [String: TurnResult],
        _ onTurn: (TurnResult) throws -> Void
    ) throws {
        let known = scenario.turns.indices.map { done[key(dataset, scenario.id, strength, $0)] }
        guard known.contains(where: { $0 == nil }) else { return }
        var compiled: CompiledScenario?
        if strength > 0 {
            var options = CompilationOptions()
            options.budget = .strength(strength)
            options.criterion = configuration.criterion
            options.compensation = configuration.compensation
            options.alwaysKeep = configuration.alwaysKeep
            options.usesCalibration = configuration.usesCalibration
            options.seed = configuration.seed
            compiled = try compiler.compile(scenario.topicDescription, options)
        }
        let session = try InferenceSession(model, along: compiled?.pathway)
        var history: [ChatMessage] = []
        for (index, turn) in scenario.turns.enumerated() {
            let message = ChatMessage(.user, Self.question(turn))
            let prediction: String
            if let result = known[index] {
                prediction = result.prediction
            } else {
                let messages = (configuration.usesHistory ? history : []) + [message]
                let result = try answer(
                    turn, messages, session, compiled, dataset: dataset, scenario: scenario.id, index: index,
                    strength: strength)
                try onTurn(result)
                prediction = result.prediction
            }
            history += [message, ChatMessage(.assistant, prediction)]
        }
    }

    private func answer(
        _ turn: Scenario.Turn, _ messages: [ChatMessage], _ session: InferenceSession, _ compiled: CompiledScenario?,
        dataset: String, scenario: String, index: Int, strength: Double
    ) throws -> TurnResult {
        session.reset()
        let sampling = SamplingParameters(
            temperature: configuration.temperature, seed: seed(scenario: scenario, turn: index))
        let summary = try session.generate(
            after: model.chatTemplate.encode(messages, with: model.tokenizer),
            options: GenerationOptions(maxNewTokens: configuration.maxNewTokens, sampling: sampling))
        return TurnResult(
            dataset: dataset, scenario: scenario, turn: index, strength: strength, prompt: turn.prompt,
            answer: turn.answer, prediction: summary.text,
            score: AnswerScoring.score(prediction: summary.text, turn: turn),
            prunedFraction: compiled?.prunedFraction ?? 0, promptTokens: summary.promptTokens,
            newTokens: summary.tokens.count, promptSeconds: summary.promptSeconds,
            generationSeconds: summary.generationSeconds,
            compileMilliseconds: compiled.map { $0.diagnoseMilliseconds + $0.compileMilliseconds } ?? 0)
    }

    /// Every turn draws from its own seed, the same for every strength, so that resuming changes nothing.
    private func seed(scenario: String, turn: Int) -> UInt64 {
        var hash = FNV1a()
        hash.combine("\(configuration.seed)/\(scenario)/\(turn)".utf8)
        return UInt64(hash.hexadecimal, radix: 16) ?? configuration.seed
    }

    /// A multiple choice says how to answer.
    static func question(_ turn: Scenario.Turn) -> String {
        turn.taskType == .multipleChoice ? turn.prompt + "\nAnswer with the letter of the right option." : turn.prompt
    }
}
