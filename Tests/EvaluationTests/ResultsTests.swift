import Evaluation
import Foundation
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
            // A run that was killed before it had a configuration.
            let bare = folder.appending(path: "bare")
            try FileManager.default.createDirectory(at: bare, withIntermediateDirectories: true)
            #expect(!(try ResultsFolder(in: folder, name: "bare", configuration(), resuming: true).isResumed))
            #expect(try ResultsFolder(in: folder, name: "bare", configuration(), resuming: true).isResumed)
            try FileManager.default.removeItem(at: bare)
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
