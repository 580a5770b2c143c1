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
            generationSeconds: seconds / 2, compileMilliseconds: strength > 0 ? 4 : 0)
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
            #expect(try ResultsLog.resume(in: folder).earlier.map(\.scenario) == ["one", "two", "three"])
        }
    }

    @Test func aFullDiskIsReportedAndNothingIsLost() throws {
        // /dev/full takes every open and refuses every write, as a full disk does.
        guard FileManager.default.fileExists(atPath: "/dev/full") else { return }
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

    private func configuration(seed: UInt64 = 1) throws -> SweepConfiguration {
        SweepConfiguration(
            model: try Fixtures.tinyModel("llama-tiny").fingerprint, strengths: [0.4], datasets: ["d"], samples: nil,
            usesHistory: false, usesCalibration: true, maxNewTokens: 4, temperature: 0, seed: seed,
            criterion: .axisEnergy, compensation: .mean, alwaysKeep: .whitelist)
    }

    @Test func onlyTheSameSettingsResume() throws {
        try Fixtures.withTemporaryDirectory { folder in
            let first = try ResultsFolder(in: folder, name: nil, configuration(), resuming: false)
            #expect(
                try ResultsFolder(in: folder, name: nil, configuration(), resuming: true).url.path == first.url.path)
            let other = try ResultsFolder(in: folder, name: nil, configuration(seed: 2), resuming: true)
            #expect(other.url.path != first.url.path)
            _ = try ResultsFolder(in: folder, name: "mine", configuration(), resuming: false)
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

    /// A sweep that was stopped after any turn ends with the results of one that was not.
    @Test(arguments: [false, true])
    func resumingChangesNothing(usesHistory: Bool) throws {
        let model = try DecoderModel(contentsOf: Fixtures.defaultModel)
        let artifacts = try PruningArtifacts(
            contentsOf: Fixtures.root.appending(path: "artifacts/smollm2-135m-instruct"), for: model)
        try Fixtures.withTemporaryDirectory { folder in
            let set = folder.appending(path: "test/small")
            try FileManager.default.createDirectory(at: set, withIntermediateDirectories: true)
            let turns = [
                Scenario.Turn(prompt: "What gas do plants take in?", answer: "carbon dioxide", taskType: .factual),
                Scenario.Turn(prompt: "Which is a metal?\nA. iron\nB. neon", answer: "A", taskType: .multipleChoice),
            ]
            let scenario = Scenario(id: "s", topicDescription: "A tutor for school chemistry", turns: turns)
            try JSONEncoder().encode([scenario]).write(to: set.appending(path: "a.json"))
            let configuration = SweepConfiguration(
                model: model.fingerprint, strengths: [0.4], datasets: ["small"], samples: 20, usesHistory: usesHistory,
                usesCalibration: true, maxNewTokens: 6, temperature: 0.7, seed: 3, criterion: .axisEnergy,
                compensation: .mean, alwaysKeep: .whitelist)
            let sweep = try Sweep(model, artifacts, configuration, dataDirectory: folder)
            #expect(sweep.turnCount == 4)
            var whole: [TurnResult] = []
            try sweep.run(resuming: []) { whole.append($0) }
            #expect(whole.map(\.strength) == [0, 0, 0.4, 0.4])
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
            }
        }
    }
}
