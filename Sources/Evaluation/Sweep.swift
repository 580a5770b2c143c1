import Basics
import ScenarioPruning
import Tokenizers
import Transformer

/// Answers scenarios along pathways of several strengths and scores the answers.
public final class Sweep {
    private let model: DecoderModel
    private let compiler: ScenarioCompiler
    /// As given, and with the digest of the scenarios that are answered.
    public let configuration: SweepConfiguration
    private let sets: [ScenarioSet]
    /// The datasets of which not all scenarios are answered.
    public let sampled: [Sample]

    /// How many scenarios of a dataset are answered.
    public struct Sample: Sendable, Equatable {
        public let dataset: String
        public let answered: Int
        public let scenarios: Int
    }

    public init(
        _ model: DecoderModel, _ artifacts: PruningArtifacts, _ configuration: SweepConfiguration, dataDirectory: URL
    ) throws {
        self.model = model
        compiler = try ScenarioCompiler(model, artifacts)
        // Whether these artifacts can be compiled so is known before anything is written.
        _ = try compiler.compile(compiler.domainAverage, configuration.compilation(.strength(0)))
        let directory = dataDirectory.appending(path: "test")
        let whole = try configuration.datasets.map { try ScenarioSet($0, in: directory) }
        sets = whole.map { set in
            guard let samples = configuration.samples, samples < set.scenarios.count else { return set }
            var generator = SplitMix64(seed: configuration.seed)
            let chosen = set.scenarios.indices.shuffled(using: &generator).prefix(samples).sorted()
            return ScenarioSet(name: set.name, scenarios: chosen.map { set.scenarios[$0] })
        }
        sampled = zip(whole, sets).filter { $0.scenarios.count > $1.scenarios.count }.map {
            Sample(dataset: $0.name, answered: $1.scenarios.count, scenarios: $0.scenarios.count)
        }
        var names: Set<String> = []
        for set in sets {
            guard set.name != SweepSummary.overallName else { throw EvaluationError.reservedDataset(set.name) }
            guard names.insert(set.name).inserted else { throw EvaluationError.ambiguousDataset(set.name) }
        }
        var recorded = configuration
        recorded.scenarios = try Self.digest(of: sets)
        self.configuration = recorded
    }

    private static func digest(of sets: [ScenarioSet]) throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = .sortedKeys
        var hash = FNV1a()
        for set in sets {
            hash.combine(set.name.utf8)
            hash.combine(try encoder.encode(set.scenarios))
        }
        return hash.hexadecimal
    }

    /// Turns of the whole sweep.
    public var turnCount: Int {
        paths.count * sets.reduce(0) { $0 + $1.scenarios.reduce(0) { $0 + $1.turns.count } }
    }

    /// One way through the model.
    private struct Path: Hashable {
        let kind: PathwayKind
        let strength: Double
    }

    /// Dense first, then the strengths as given.
    private var paths: [Path] {
        let kinds: [PathwayKind] = configuration.comparesBlind ? [.scenario, .blind] : [.scenario]
        return [Path(kind: .dense, strength: 0)]
            + configuration.strengths.filter { $0 != 0 }.flatMap { strength in
                kinds.map { Path(kind: $0, strength: strength) }
            }
    }

    /// Identifies a turn along a path.
    private struct Key: Hashable {
        let dataset: String
        let scenario: String
        let turn: Int
        let path: Path
    }

    /// Answers every turn that `earlier` does not hold.
    ///
    /// Pathways are the innermost loop, so that every one sees the same machine and a stopped sweep compares like with
    /// like.
    ///
    /// - Parameters:
    ///   - onPathway: takes each scenario's pathways, and what a user should know of them, before the scenario's turns
    ///     are answered; those of a resumed scenario come again.
    ///   - onTurn: takes each result as it comes.
    public func run(
        resuming earlier: [TurnResult],
        onPathway: (_ pathway: PathwayRecord, _ warnings: [String]) throws -> Void = { _, _ in },
        onTurn: (TurnResult) throws -> Void
    ) throws {
        let done = try turns(of: earlier)
        for set in sets {
            for scenario in set.scenarios {
                try answer(scenario, of: set.name, done: done, onPathway, onTurn)
            }
        }
    }

    /// - Throws: ``EvaluationError/malformed(file:detail:)`` where they are not turns of this sweep, each once.
    private func turns(of earlier: [TurnResult]) throws(EvaluationError) -> [Key: TurnResult] {
        let paths = Set(paths)
        var turns: [[String]: Int] = [:]
        for set in sets { for scenario in set.scenarios { turns[[set.name, scenario.id]] = scenario.turns.count } }
        var done: [Key: TurnResult] = [:]
        for (index, result) in earlier.enumerated() {
            let path = Path(kind: result.pathway, strength: result.strength)
            let key = Key(dataset: result.dataset, scenario: result.scenario, turn: result.turn, path: path)
            let count = turns[[result.dataset, result.scenario]] ?? 0
            guard (0..<count).contains(result.turn), paths.contains(path), result.isConsistent else {
                throw .malformed(
                    file: TurnResult.fileName, detail: "has a turn, \(index + 1), that is none of this run's")
            }
            guard done.updateValue(result, forKey: key) == nil else {
                throw .malformed(file: TurnResult.fileName, detail: "has a turn twice, the second time as \(index + 1)")
            }
        }
        return done
    }

    private func answer(
        _ scenario: Scenario, of dataset: String, done: [Key: TurnResult],
        _ onPathway: (PathwayRecord, [String]) throws -> Void, _ onTurn: (TurnResult) throws -> Void
    ) throws {
        let paths = paths
        func key(_ turn: Int, _ path: Path) -> Key {
            Key(dataset: dataset, scenario: scenario.id, turn: turn, path: path)
        }
        guard scenario.turns.indices.contains(where: { turn in paths.contains { done[key(turn, $0)] == nil } })
        else { return }
        let runs = try runs(of: scenario)
        for run in runs {
            guard let compiled = run.compiled else { continue }
            try onPathway(
                PathwayRecord(
                    compiled, of: scenario, dataset: dataset, pathway: run.path.kind, strength: run.path.strength,
                    heads: model.configuration.heads), compiled.warnings)
        }
        for (index, turn) in scenario.turns.enumerated() {
            let reference = DenseReference(runs[0])
            for run in runs {
                let known = done[key(index, run.path)]
                let result =
                    try known
                    ?? answer(turn, index, of: scenario, dataset: dataset, along: run, comparedWith: reference)
                if known == nil { try onTurn(result) }
                run.answers.append(result.prediction ?? "")
            }
        }
    }

    /// A path of one scenario: its pathway, the session that runs it, and the answers so far.
    private final class Run {
        let path: Path
        /// nil for dense.
        let compiled: CompiledScenario?
        let session: InferenceSession
        let prunedFraction: Double
        let compileMilliseconds: Double
        var answers: [String] = []

        init(_ path: Path, _ compiled: CompiledScenario?, _ model: DecoderModel) throws {
            self.path = path
            self.compiled = compiled
            session = try InferenceSession(model, along: compiled?.pathway)
            prunedFraction = compiled?.reachedFraction ?? 0
            compileMilliseconds = compiled?.milliseconds ?? 0
        }
    }

    private func runs(of scenario: Scenario) throws -> [Run] {
        var requested = 0.0
        return try paths.map { path in
            var compiled: CompiledScenario?
            switch path.kind {
            case .dense: break
            case .scenario:
                compiled = try compiler.compile(
                    scenario.topicDescription, configuration.compilation(.strength(path.strength)))
                requested = compiled?.requestedFraction ?? 0
            case .blind:
                // What the scenario's pathway before it was asked to prune: only the choice of heads differs.
                compiled = try compiler.compile(
                    compiler.domainAverage, configuration.compilation(.fraction(requested)))
            }
            return try Run(path, compiled, model)
        }
    }

    /// What the dense model predicts for one turn's right answer: kept from its own measurement, or read anew where a
    /// resumed sweep has that one already.
    private final class DenseReference {
        private let session: InferenceSession
        private var predictions: AnswerPredictions?

        init(_ dense: Run) { session = dense.session }

        func keep(_ predictions: AnswerPredictions) { self.predictions = predictions }

        func predictions(of answer: [Int], after prompt: [Int]) throws -> AnswerPredictions {
            if let predictions { return predictions }
            let found = try AnswerPredictions(of: answer, after: PromptReading(prompt, in: session))
            keep(found)
            return found
        }
    }

    private func answer(
        _ turn: Scenario.Turn, _ index: Int, of scenario: Scenario, dataset: String, along run: Run,
        comparedWith reference: DenseReference
    ) throws -> TurnResult {
        let likelihood: TurnLikelihood?
        let summary: GenerationSummary?
        do {
            likelihood =
                configuration.scoring.measuresLikelihood
                ? try measure(turn, index, of: scenario, along: run, comparedWith: reference) : nil
            summary = configuration.scoring.generates ? try generate(turn, index, of: scenario, along: run) : nil
        } catch let error as DecoderError {
            throw EvaluationError.unusableTurn(
                dataset: dataset, scenario: scenario.id, turn: index + 1, detail: "\(error)")
        }
        // As a log may hold it that is read again.
        let prediction = summary.map { CombiningMarks.shortened($0.text) }
        return TurnResult(
            dataset: dataset, scenario: scenario.id, turn: index, pathway: run.path.kind, strength: run.path.strength,
            prompt: turn.prompt, answer: turn.answer, prediction: prediction,
            score: prediction.map { AnswerScoring.score(prediction: $0, turn: turn) },
            prunedFraction: run.prunedFraction, promptTokens: summary?.promptTokens, newTokens: summary?.tokens.count,
            promptSeconds: summary?.promptSeconds, generationSeconds: summary?.generationSeconds,
            generationPasses: summary?.generationPasses, compileMilliseconds: run.compileMilliseconds,
            likelihood: likelihood)
    }

    private func generate(
        _ turn: Scenario.Turn, _ index: Int, of scenario: Scenario, along run: Run
    ) throws -> GenerationSummary {
        run.session.reset()
        let sampling = SamplingParameters(
            temperature: configuration.temperature, seed: seed(scenario: scenario.id, turn: index))
        return try run.session.generate(
            after: prompt(Self.question(turn), index, of: scenario, answers: run.answers),
            options: GenerationOptions(maxNewTokens: configuration.maxNewTokens, sampling: sampling))
    }

    /// Earlier turns are shown with their right answers, so that every pathway reads the same prompt.
    private func measure(
        _ turn: Scenario.Turn, _ index: Int, of scenario: Scenario, along run: Run,
        comparedWith reference: DenseReference
    ) throws -> TurnLikelihood {
        let answers = scenario.turns.map(TurnLikelihood.referenceAnswer)
        let listed = prompt(Self.question(turn), index, of: scenario, answers: answers)
        let answer = encodeAnswer(TurnLikelihood.referenceAnswer(of: turn))
        let reading = try PromptReading(listed, in: run.session)
        let found = try AnswerPredictions(of: answer, after: reading)
        if run.path.kind == .dense { reference.keep(found) }
        let dense = try reference.predictions(of: answer, after: listed)
        return TurnLikelihood(
            answerNLL: found.nllPerToken, answerTokens: found.tokens.count, klToDense: found.divergence(from: dense),
            options: try options(of: turn, index, of: scenario, answers: answers, along: run, afterListed: reading))
    }

    /// Letters after the question with its options, then texts after the question without them.
    private func options(
        of turn: Scenario.Turn, _ index: Int, of scenario: Scenario, answers: [String], along run: Run,
        afterListed listed: PromptReading
    ) throws -> TurnLikelihood.Options? {
        let options = AnswerScoring.options(of: turn.prompt)
        guard turn.taskType == .multipleChoice, !options.isEmpty else { return nil }
        let letters = try options.map { try listed.logLikelihood(of: encodeAnswer(String($0.letter))) }
        let stem = prompt(AnswerScoring.stem(of: turn.prompt), index, of: scenario, answers: answers)
        let unlisted = try PromptReading(stem, in: run.session)
        let texts = try options.map { try unlisted.logLikelihood(of: encodeAnswer($0.text)) }
        return TurnLikelihood.Options(turn, texts: texts, letters: letters)
    }

    private func encodeAnswer(_ answer: String) -> [Int] {
        model.chatTemplate.encodeAnswer(answer, with: model.tokenizer)
    }

    /// A question as tokens; where history is shown, after the scenario's earlier turns with `answers`.
    private func prompt(_ question: String, _ index: Int, of scenario: Scenario, answers: [String]) -> [Int] {
        let earlier = configuration.usesHistory ? Array(zip(scenario.turns, answers).prefix(index)) : []
        let messages = earlier.flatMap { turn, answer in
            [ChatMessage(.user, Self.question(turn)), ChatMessage(.assistant, answer)]
        }
        return model.chatTemplate.encode(messages + [ChatMessage(.user, question)], with: model.tokenizer)
    }

    /// Every turn draws from its own seed, the same for every pathway, so that resuming changes nothing.
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
