import Evaluation
import Foundation
import ScenarioPruning
import TestSupport
import Testing
import Transformer

@Suite struct SweepTests {
    private struct Stop: Error {}

    private let turns = [
        Scenario.Turn(prompt: "What gas do plants take in?", answer: "carbon dioxide", taskType: .factual),
        Scenario.Turn(prompt: "Which is a metal?\nA. iron\nB. neon", answer: "A", taskType: .multipleChoice),
    ]

    private func withSweep(
        scoring: Scoring, usesHistory: Bool = false, comparesBlind: Bool = false, _ body: (Sweep) throws -> Void
    ) throws {
        let model = try DecoderModel(contentsOf: Fixtures.defaultModel)
        let artifacts = try PruningArtifacts(
            contentsOf: Fixtures.root.appending(path: "artifacts/smollm2-135m-instruct"), for: model)
        try Fixtures.withTemporaryDirectory { folder in
            let set = folder.appending(path: "test/small")
            try FileManager.default.createDirectory(at: set, withIntermediateDirectories: true)
            let scenario = Scenario(id: "s", topicDescription: "A tutor for school chemistry", turns: turns)
            try JSONEncoder().encode([scenario]).write(to: set.appending(path: "a.json"))
            let configuration = SweepConfiguration(
                model: model.fingerprint, strengths: [0.4], datasets: ["small"], samples: 20, usesHistory: usesHistory,
                maxNewTokens: 6, temperature: 0.7, seed: 3, scoring: scoring, comparesBlind: comparesBlind,
                precision: model.precision, artifacts: "a")
            try body(try Sweep(model, artifacts, configuration, dataDirectory: folder))
        }
    }

    /// A sweep that was stopped after any turn ends with the results of one that was not.
    @Test(arguments: [(false, Scoring.generation), (true, .generation), (false, .likelihood), (true, .both)])
    func resumingChangesNothing(usesHistory: Bool, scoring: Scoring) throws {
        try withSweep(scoring: scoring, usesHistory: usesHistory) { sweep in
            #expect(sweep.turnCount == 4)
            var whole: [TurnResult] = []
            try sweep.run(resuming: []) { whole.append($0) }
            let foreign = TurnResult(
                dataset: "other", scenario: "s", turn: 0, strength: 0, prompt: "p", answer: "a", prunedFraction: 0,
                compileMilliseconds: 0)
            for damaged in [whole + [whole[0]], [foreign]] {
                #expect {
                    try sweep.run(resuming: damaged) { _ in }
                } throws: { error in
                    if case EvaluationError.malformed = error { true } else { false }
                }
            }
            #expect(whole.map(\.strength) == [0, 0.4, 0, 0.4])
            for stop in 1..<4 {
                var results: [TurnResult] = []
                #expect(throws: Stop.self) {
                    try sweep.run(resuming: []) {
                        results.append($0)
                        if results.count == stop { throw Stop() }
                    }
                }
                try sweep.run(resuming: results) { results.append($0) }
                #expect(results.map(\.prediction) == whole.map(\.prediction))
                #expect(results.map(\.score) == whole.map(\.score))
                #expect(results.map(\.likelihood) == whole.map(\.likelihood))
            }
        }
    }

    @Test func theBlindPathwayPrunesAsMuch() throws {
        try withSweep(scoring: .likelihood, comparesBlind: true) { sweep in
            var results: [TurnResult] = []
            var pathways: [PathwayRecord] = []
            try sweep.run(
                resuming: [],
                onPathway: { pathway, warnings in
                    pathways.append(pathway)
                    #expect(warnings.isEmpty)
                    #expect(results.isEmpty, "pathways come before their turns")
                }, onTurn: { results.append($0) })
            #expect(pathways.map(\.pathway) == [.scenario, .blind])
            #expect(pathways.map(\.prunedFraction) == results[1...2].map(\.prunedFraction))
            #expect(pathways[0].keptHeads != pathways[1].keptHeads)
            #expect(abs(pathways[0].mixture.reduce(0, +) - 1) < 1e-9)
            #expect(results.map(\.pathway) == [.dense, .scenario, .blind, .dense, .scenario, .blind])
            #expect(results[1].prunedFraction == results[2].prunedFraction)
            #expect(results[1].likelihood != results[2].likelihood)
            let comparisons = SweepSummary(results).comparisons
            #expect(
                comparisons.contains { $0.pathway == .scenario && $0.baseline == .blind && $0.metric == .klToDense })
            #expect(comparisons.contains { $0.pathway == .blind && $0.baseline == .dense })
        }
    }

    @Test func likelihoodsNeedNoAnswer() throws {
        try withSweep(scoring: .likelihood) { sweep in
            var results: [TurnResult] = []
            try sweep.run(resuming: []) { results.append($0) }
            #expect(results.allSatisfy { $0.prediction == nil && $0.score == nil })
            let likelihoods = try results.map { try #require($0.likelihood) }
            #expect(likelihoods.map(\.klToDense).map { $0 == 0 } == [true, false, true, false])
            #expect(likelihoods.map { $0.options?.texts.count } == [nil, nil, 2, 2])
            // Knowing no chemistry at all, a model would need ln(49152) = 10.8 nats for a token.
            #expect(try likelihoods.allSatisfy { (0..<10.8).contains(try #require($0.answerNLL)) })
        }
    }
}
