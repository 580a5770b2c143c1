import Evaluation
import Foundation
import ScenarioPruning
import TestSupport
import Testing
import Transformer

@Suite struct ResultsTests {
    private func result(
        _ scenario: String, turn: Int = 0, strength: Double = 0, score: Double = 1, seconds: Double = 1
    ) -> TurnResult {
        TurnResult(
            dataset: "d", scenario: scenario, turn: turn, strength: strength, prompt: "p", answer: "a", prediction: "x",
            score: score, prunedFraction: strength, promptTokens: 10, newTokens: 5, promptSeconds: seconds / 2,
            generationSeconds: seconds / 2, generationPasses: 5, compileMilliseconds: strength > 0 ? 4 : 0)
    }

    @Test func aHalfWrittenLineIsCutOff() throws {
        try Fixtures.withTemporaryDirectory { folder in
            do {
                let (log, earlier) = try ResultsLog.resume(in: folder)
                #expect(earlier.isEmpty)
                try log.append(result("one"))
                try log.append(result("two"))
            }
            // What kill -9 in the middle of a line leaves.
            let url = folder.appending(path: ResultsLog.fileName)
            let whole = try Data(contentsOf: url)
            try (whole + whole.prefix(37)).write(to: url)
            let (log, earlier) = try ResultsLog.resume(in: folder)
            #expect(earlier == [result("one"), result("two")])
            try log.append(result("three"))
            #expect(try ResultsLog.read(in: folder).map(\.scenario) == ["one", "two", "three"])
            // Lines of two runs would break each other.
            #expect(throws: EvaluationError.self) { try ResultsLog.resume(in: folder) }
            withExtendedLifetime(log) {}
        }
    }

    /// /dev/full takes every open and refuses every write, as a full disk does.
    @Test(.enabled(if: FileManager.default.fileExists(atPath: "/dev/full"))) func aFullDiskIsReported() throws {
        try Fixtures.withTemporaryDirectory { folder in
            try FileManager.default.createSymbolicLink(
                atPath: folder.appending(path: ResultsLog.fileName).path, withDestinationPath: "/dev/full")
            #expect(throws: EvaluationError.self) {
                let (log, _) = try ResultsLog.resume(in: folder)
                try log.append(result("one"))
            }
        }
    }

    @Test func summariesAverageAndCompareWithDense() {
        let rows = SweepSummary([
            result("one", strength: 0.4, score: 0, seconds: 0.5), result("one", score: 1, seconds: 1),
            result("two", score: 0.5, seconds: 1), result("two", strength: 0.4, score: 0.5, seconds: 0.5),
        ]).rows
        #expect(rows.map(\.strength) == [0, 0.4])
        #expect(rows[0].accuracy == 0.75)
        #expect(rows[1].accuracy == 0.25)
        #expect(rows[0].speedup == 1)
        #expect(rows[1].speedup == 2)
        #expect(rows[1].tokensPerSecond == 20)
        #expect(rows[1].compileMilliseconds == 4)
        #expect(rows[1].scenarios == 2)
    }

    /// Two scenarios of one turn: differences of -1 and 0.
    @Test func pathwaysAreComparedTurnByTurn() throws {
        let summary = SweepSummary([
            result("one", score: 1), result("one", strength: 0.4, score: 0), result("two", score: 0.5),
            result("two", strength: 0.4, score: 0.5), result("three", strength: 0.4, score: 1),
        ])
        let comparison = try #require(summary.comparisons.first)
        #expect(comparison.baseline == .dense)
        #expect(comparison.metric == .accuracy)
        #expect(comparison.difference == -0.5)
        #expect((comparison.low, comparison.high) == (-1, 0))
        #expect(comparison.pValue == 1)
        // The third scenario has no dense answer yet.
        #expect((comparison.scenarios, comparison.turns) == (2, 2))
        #expect(summary.comparisons.map(\.dataset) == ["d", SweepSummary.overallName])
        #expect(summary.overall.map(\.accuracy) == summary.rows.map(\.accuracy))
        #expect(summary.rows[0].estimates[.accuracy]?.interval == ConfidenceInterval(low: 0.5, high: 1))
        #expect(summary.rows[0].estimates[.answerNLL] == nil)
    }

    /// A resumed run has its turns in another order.
    @Test func theOrderOfResultsChangesNothing() {
        var results: [TurnResult] = []
        for scenario in 0..<12 {
            results.append(result("s\(scenario)", score: Double(scenario % 5) / 4))
            results.append(result("s\(scenario)", strength: 0.4, score: Double(scenario % 3) / 2))
        }
        let (first, second) = (SweepSummary(results, seed: 4), SweepSummary(results.reversed(), seed: 4))
        #expect(first.rows == second.rows)
        #expect(first.comparisons == second.comparisons)
    }

    @Test func likelihoodsAreSummarisedWithoutAnswers() throws {
        func measured(_ scenario: String, strength: Double, nll: Double, kl: Double, right: Bool) -> TurnResult {
            let turn = Scenario.Turn(prompt: "q\nA. x\nB. y", answer: "A", taskType: .multipleChoice)
            return TurnResult(
                dataset: "d", scenario: scenario, turn: 0, strength: strength, prompt: turn.prompt, answer: "A",
                prunedFraction: strength, compileMilliseconds: 0,
                likelihood: TurnLikelihood(
                    answerNLL: nll, answerTokens: 3, klToDense: kl,
                    options: TurnLikelihood.Options(turn, texts: right ? [-1, -2] : [-2, -1], letters: [-1, -2])))
        }
        let summary = SweepSummary([
            measured("one", strength: 0, nll: 1, kl: 0, right: true),
            measured("one", strength: 0.4, nll: 2, kl: 0.5, right: false),
            measured("two", strength: 0, nll: 2, kl: 0, right: true),
            measured("two", strength: 0.4, nll: 2.5, kl: 1, right: true),
        ])
        let row = try #require(
            try JSONSerialization.jsonObject(with: JSONEncoder().encode(summary.rows[1])) as? [String: Any])
        #expect(row["answerNLL"] as? Double == 2.25)
        #expect(row["answerNLLLow"] as? Double == 2)
        #expect(row["answerNLLHigh"] as? Double == 2.5)
        #expect(row["klToDense"] as? Double == 0.75)
        #expect(row["likelihoodAccuracy"] as? Double == 0.5)
        #expect(row["letterAccuracy"] as? Double == 1)
        for key in ["accuracy", "tokensPerSecond", "speedup"] { #expect(row[key] == nil) }
        let differences = summary.comparisons.filter { $0.dataset == "d" }
        #expect(differences.first { $0.metric == .answerNLL }?.difference == 0.75)
        #expect(!differences.contains { $0.metric == .klToDense })
    }

    private func configuration(
        seed: UInt64 = 1, precision: DecoderModel.Precision = .int8, artifacts: String = "a"
    ) throws -> SweepConfiguration {
        SweepConfiguration(
            model: try Fixtures.tinyModel("llama-tiny").fingerprint, strengths: [0.4], datasets: ["d"], samples: nil,
            usesHistory: false, maxNewTokens: 4, temperature: 0, seed: seed, precision: precision, artifacts: artifacts)
    }

    @Test func onlyTheSameSettingsResume() throws {
        try Fixtures.withTemporaryDirectory { folder in
            let first = try ResultsFolder(in: folder, name: nil, configuration(), resuming: false)
            #expect(
                try ResultsFolder(in: folder, name: nil, configuration(), resuming: true).url.path == first.url.path)
            for other in [
                try configuration(seed: 2), try configuration(precision: .float32), try configuration(artifacts: "b"),
            ] {
                let found = try ResultsFolder(in: folder, name: nil, other, resuming: true)
                #expect(found.url.path != first.url.path)
            }
            let mine = try ResultsFolder(in: folder, name: "mine", configuration(), resuming: false)
            #expect(!mine.isResumed)
            // The run that was started last, whatever it is called.
            for (run, age) in [(first, 60.0), (mine, 0)] {
                try FileManager.default.setAttributes(
                    [.modificationDate: Date(timeIntervalSinceNow: -age)],
                    ofItemAtPath: run.url.appending(path: "configuration.json").path)
            }
            let last = try ResultsFolder(in: folder, name: nil, configuration(), resuming: true)
            #expect(last.isResumed && last.url.lastPathComponent == "mine")
            #expect(throws: EvaluationError.self) {
                try ResultsFolder(in: folder, name: "mine", configuration(), resuming: false)
            }
            #expect(throws: EvaluationError.self) {
                try ResultsFolder(in: folder, name: "mine", configuration(seed: 2), resuming: true)
            }
        }
    }
}

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
