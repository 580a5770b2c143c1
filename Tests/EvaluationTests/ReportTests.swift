import DomainBasis
import Evaluation
import Foundation
import ScenarioPruning
import TestSupport
import Testing
import Transformer

#if canImport(FoundationXML)
    import FoundationXML
#endif

@Suite struct ReportTests {
    private static let hostile = "</title><script>alert('1')</script> & \"q\" \u{1}"

    private func configuration(
        _ criterion: PruningCriterion = .axisEnergy, compensation: Compensation = .mean, model: String = "llama-tiny"
    ) throws -> SweepConfiguration {
        var compilation = CompilationOptions()
        (compilation.criterion, compilation.compensation) = (criterion, compensation)
        return SweepConfiguration(
            model: try Fixtures.tinyModel(model).fingerprint, strengths: [0.4], datasets: ["d"], samples: nil,
            usesHistory: false, maxNewTokens: 4, temperature: 0, seed: 1, compilation: compilation, scoring: .both,
            precision: .int8, artifacts: "a")
    }

    private func turn(_ scenario: String, strength: Double, score: Double?, nll: Double?) -> TurnResult {
        TurnResult(
            dataset: "d", scenario: scenario, turn: 0, strength: strength, prompt: "p", answer: "a",
            prediction: score.map { _ in "x" }, score: score, prunedFraction: 0.75 * strength, promptTokens: 10,
            newTokens: 5, promptSeconds: 0.5, generationSeconds: 0.5, generationPasses: 5,
            compileMilliseconds: strength > 0 ? 4.25 : 0,
            likelihood: nll.map { TurnLikelihood(answerNLL: $0, answerTokens: 3, klToDense: strength, options: nil) })
    }

    private func pathway(_ scenario: String, keeping kept: [[Int]] = [[0, 1], [1]]) -> PathwayRecord {
        PathwayRecord(
            dataset: "d", scenario: scenario, description: Self.hostile, pathway: .scenario, strength: 0.4,
            domains: ["chemistry", "math"], relevance: [0.9, 0.3], mixture: [0.75, 0.25], breadth: 0.81,
            regime: .singleDomain, requestedFraction: 0.3, prunedFraction: 0.25, heads: 2, keptHeads: kept)
    }

    private func run(
        _ configuration: SweepConfiguration? = nil, name: String = "one", scenario: String = "s",
        score: Double? = 0.375,
        nll: Double? = 2.125, pathways: [PathwayRecord]? = nil, isFinished: Bool = true
    ) throws -> RecordedRun {
        RecordedRun(
            name: name, modelName: "tiny", configuration: try configuration ?? self.configuration(),
            results: [
                turn(scenario, strength: 0, score: score.map { 2 * $0 }, nll: nll),
                turn(scenario, strength: 0.4, score: score, nll: nll.map { $0 + 0.5 }),
            ], pathways: pathways ?? [pathway(scenario)], isFinished: isFinished)
    }

    private static let shippedArtifacts = Fixtures.root.appending(path: "artifacts/smollm2-135m-instruct")

    /// What a browser would fetch, run or follow out of the page.
    private func externalReferences(of page: String) -> [String] {
        let reference =
            /(?:href|src|srcset|action|data|url|import)\s*[=(]\s*["']?(?!#)[^"'>\s)]+|<(?:script|link|iframe)/
        return page.matches(of: reference).map { String($0.0) }
    }

    private func parse(_ xml: String) -> String? {
        let parser = XMLParser(data: Data(xml.utf8))
        return parser.parse() ? nil : "\(String(describing: parser.parserError)) at line \(parser.lineNumber)"
    }

    @Test func pagesAreWellFormedAndStandAlone() throws {
        let page = try ReportPage(
            runs: [run(), run(configuration(.writeNorm), name: "two")],
            measurements: ModelMeasurements(contentsOf: Self.shippedArtifacts)
        ).html
        #expect(page.hasPrefix("<!DOCTYPE html>\n<html"))
        #expect(parse(page) == nil)
        #expect(externalReferences(of: page) == [])
        #expect(!page.contains("http:") && !page.contains("https:"))
        let drawings = page.matches(of: /(?s)<svg.*?<\/svg>/).map { String($0.0) }
        #expect(drawings.count > 20)
        for drawing in drawings { #expect(parse(drawing) == nil) }
        // Coordinates are numbers.
        #expect(!page.contains(/\b(nan|inf)\b/))
    }

    @Test func textFromFilesIsNeverMarkup() throws {
        var configuration = try configuration()
        configuration.datasets = [Self.hostile]
        let run = try run(
            configuration, name: Self.hostile, scenario: Self.hostile, pathways: [pathway(Self.hostile)])
        let page = try ReportPage(
            runs: [run, run], measurements: nil, advice: Self.hostile
        ).html
        #expect(!page.contains("<script"))
        #expect(page.contains("&lt;script&gt;alert(&#39;1&#39;)&lt;/script&gt; &amp; &quot;q&quot; \u{FFFD}"))
        #expect(parse(page) == nil)
    }

    @Test func theNumbersAreOnThePage() throws {
        let page = try ReportPage(
            runs: [run()], measurements: ModelMeasurements(contentsOf: Self.shippedArtifacts)
        ).html
        for text in [
            // Accuracy and its change; NLL and its change; divergence; heads pruned; time.
            "0.375", "0.750", "\u{2212}0.375", "2.125", "2.625", "+0.500", "0.400", "30.0%", "4.2", "1.00\u{D7}",
            // The scenario's relevance, mixture and breadth.
            "0.90", "0.75", "0.81", "3 of 4",
        ] {
            #expect(page.contains(">\(text)"), "\(text)")
        }
        #expect(page.contains("layer 1, head 0: pruned"))
        #expect(page.contains("layer 1, head 1: kept at strength 0.40"))
        #expect(page.contains("Importance of heads by axis-energy"))
        #expect(page.contains("Importance of heads by write-norm"))
        #expect(page.contains("prefers-color-scheme: dark") && page.contains("@media print"))
    }

    @Test func whatIsMissingIsSaidWithTheWayToGetIt() throws {
        let whole = try ReportPage(
            runs: [run()], measurements: ModelMeasurements(contentsOf: Self.shippedArtifacts)
        ).html
        #expect(!whole.contains("class=\"absent\""))
        let bare = try ReportPage(
            runs: [run(score: nil, pathways: [], isFinished: false)], measurements: nil, advice: "Run train."
        ).html
        for text in ["--scoring generation", "pathways.jsonl", "Run train.", "run --resume"] {
            #expect(bare.contains(text), "\(text)")
        }
        #expect(!bare.contains("Accuracy of written answers"))
        #expect(!bare.contains("Calibration of the probes"))
        let unlikely = try ReportPage(runs: [run(nll: nil)], measurements: nil).html
        #expect(unlikely.contains("--scoring likelihood"))
        #expect(parse(bare) == nil && parse(unlikely) == nil)
    }

    /// The names in a page's legends.
    private func names(_ runs: [RecordedRun]) throws -> Set<String> {
        let page = try ReportPage(runs: runs, measurements: nil).html
        return Set(page.matches(of: /d="M1 6H29"\/>.*?<\/svg>(.*?)<\/li>/).map { String($0.1) })
    }

    @Test func runsAreNamedAfterWhatTellsThemApart() throws {
        #expect(try names([run()]) == ["axis-energy"])
        let two = try [run(), run(configuration(compensation: .none), name: "two")]
        #expect(try names(two) == ["axis-energy, compensation mean", "axis-energy, compensation none"])
        #expect(try names([run(), run(name: "two")]) == ["axis-energy (one)", "axis-energy (two)"])
    }

    /// One scenario says nothing of how scenarios differ, and what is pruned is said as it is.
    @Test func thePageClaimsNoMoreThanItKnows() throws {
        var both = try configuration()
        both.units = [.heads, .feedForward]
        let alone = try ReportPage(runs: [try run()], measurements: nil, advice: "").html
        let joint = try ReportPage(runs: [try run(both)], measurements: nil, advice: "").html
        #expect(!alone.contains("95%: 0.375"))
        #expect(!alone.contains("multiply-adds where"))
        #expect(joint.contains("heads, feed-forward") && joint.contains("multiply-adds where"))
        let labels = try ReportPage(
            runs: [try run(), try run(both, name: "two")], measurements: nil, advice: ""
        ).html
        #expect(labels.contains("axis-energy, heads, feed-forward"))
    }

    /// Numbers that no run writes give an error, not a crash.
    @Test(arguments: [1e308, -1, .infinity])
    func turnsOutOfRangeAreRefused(score: Double) throws {
        try Fixtures.withTemporaryDirectory { folder in
            let results = try ResultsFolder(in: folder, name: "x", configuration(), resuming: false)
            var line = try JSONEncoder().encode(turn("s", strength: 0, score: 0.5, nll: 1))
            let text = String(decoding: line, as: UTF8.self)
                .replacing("\"score\":0.5", with: "\"score\":\(score == .infinity ? "1e999" : "\(score)")")
            line = Data((text + "\n").utf8)
            try line.write(to: results.url.appending(path: "turns.jsonl"))
            #expect(throws: EvaluationError.self) { try RecordedRun(contentsOf: results.url) }
        }
    }

    @Test func differentStrengthsLookDifferent() {
        #expect([0, 0.4, 0.125, 0.1].map(StrengthText.of) == ["0.00", "0.40", "0.125", "0.10"])
    }

    @Test func runsOfSeveralModelsAreRefused() throws {
        #expect(throws: EvaluationError.self) {
            try ReportPage(runs: [run(), run(configuration(model: "qwen2-tiny"))], measurements: nil)
        }
    }

    @Test func foldersAreReadAndNotChanged() throws {
        try Fixtures.withTemporaryDirectory { folder in
            let run = try ResultsFolder(in: folder, name: "mine", configuration(), resuming: false).url
            #expect(throws: EvaluationError.self) { try RecordedRun(contentsOf: run) }
            #expect(throws: EvaluationError.self) { try RecordedRun(contentsOf: folder) }
            try ResultsLog.resume(in: run).log.append(turn("s", strength: 0, score: 1, nll: nil))
            try PathwayLog.resume(in: run).log.append(pathway("s"))
            let url = run.appending(path: ResultsLog.fileName)
            let halfWritten = try Data(contentsOf: url) + Data("{\"dat".utf8)
            try halfWritten.write(to: url)
            let recorded = try RecordedRun(contentsOf: run)
            #expect(recorded.name == "mine" && recorded.modelName == folder.lastPathComponent)
            #expect(recorded.results.count == 1)
            #expect(recorded.pathways == [pathway("s")])
            #expect(!recorded.isFinished)
            #expect(try Data(contentsOf: url) == halfWritten)
            // Heads that no model has.
            try PathwayLog.resume(in: run).log.append(pathway("t", keeping: [[-1], [2]]))
            #expect(throws: EvaluationError.self) { try RecordedRun(contentsOf: run) }
        }
    }
}

@Suite struct AxisTests {
    @Test(arguments: [
        (0.0...43.2, ["0", "10", "20", "30", "40", "50"]), (0.0...0.3, ["0.0", "0.1", "0.2", "0.3"]),
        (0.0...1.0, ["0.00", "0.25", "0.50", "0.75", "1.00"]),
        (-0.4...0.4, ["\u{2212}0.4", "\u{2212}0.2", "0.0", "0.2", "0.4"]),
        (2.0...2.0, ["1.0", "1.5", "2.0", "2.5", "3.0"]),
    ])
    func ticksAreRound(range: ClosedRange<Double>, expected: [String]) {
        let axis = Axis(covering: range, from: 0, to: 100, steps: range.upperBound > 10 ? 5 : 4)
        #expect(axis.ticks.map(axis.label) == expected)
        #expect(axis.position(axis.values.lowerBound) == 0 && axis.position(axis.values.upperBound) == 100)
    }

    @Test func shadesHoldEqualNumbers() {
        let values = (0..<100).map { pow(Double($0), 3) }
        let scale = RankScale(values)
        for shade in 0..<10 { #expect(values.count { scale.shade($0) == shade } == 10) }
    }
}
