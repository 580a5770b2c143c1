import Basics
import Evaluation
import TestSupport
import Testing

@Suite struct ImportTests {
    private func importing<Result>(
        _ text: String, as name: String = "questions.jsonl", format: DatasetFormat? = nil, description: String? = nil,
        _ body: (DatasetImport) throws -> Result
    ) throws -> Result {
        try Fixtures.withTemporaryDirectory { folder in
            let file = folder.appending(path: name)
            try Data(text.utf8).write(to: file)
            return try body(try DatasetImport([file], format: format, description: description))
        }
    }

    @Test func commonsenseQA() throws {
        let line = """
            {"id": "q1", "question": "Where does a kettle stand?", "question_concept": "kettle", \
            "choices": {"label": ["A", "B", "C"], "text": ["stove", "moon", "pond"]}, "answerKey": "A"}
            """
        let older = """
            {"id": "q2", "answerKey": "B", "question": {"stem": "What is ice?", "question_concept": "ice", \
            "choices": [{"label": "A", "text": "sand"}, {"label": "B", "text": "frozen\\nwater"}]}}
            """
        try importing(line + "\r\n\n" + older + "\n") { found in
            #expect(found.format == .commonsenseQA)
            #expect(found.scenarios.map(\.id) == ["q1", "q2"])
            #expect(found.scenarios[0].topicDescription.contains("kettle"))
            #expect(
                found.scenarios.flatMap(\.turns) == [
                    Scenario.Turn(
                        prompt: "Where does a kettle stand?\nA. stove\nB. moon\nC. pond", answer: "A",
                        taskType: .multipleChoice),
                    Scenario.Turn(
                        prompt: "What is ice?\nA. sand\nB. frozen water", answer: "B", taskType: .multipleChoice),
                ])
        }
    }

    /// Labels that are numbers become letters.
    @Test func arc() throws {
        let line = """
            {"id": "T_1", "question": {"stem": "What boils?", "choices": [{"text": "tea", "label": "1"}, \
            {"text": "stone", "label": "2"}]}, "answerKey": "2"}
            """
        try importing(line) { found in
            #expect(found.format == .arc)
            #expect(found.scenarios[0].turns[0].prompt == "What boils?\nA. tea\nB. stone")
            #expect(found.scenarios[0].turns[0].answer == "B")
        }
    }

    @Test func naturalQuestions() throws {
        let lines = """
            {"question": "who built the first windmill in tarn", "answer": ["Ida Moss", "I. Moss"]}
            {"question": "how deep is the well", "answer": ["nine metres"]}
            """
        try importing(lines, as: "dev.jsonl") { found in
            #expect(found.format == .naturalQuestions)
            #expect(found.scenarios.map(\.id) == ["dev-1", "dev-2"])
            #expect(found.scenarios[0].turns[0].answer == "Ida Moss")
            #expect(found.scenarios[0].turns[0].otherAnswers == ["I. Moss"])
            #expect(found.scenarios[1].turns[0].otherAnswers == nil)
            #expect(found.scenarios[1].turns[0].taskType == .factual)
        }
    }

    @Test func mmlu() throws {
        let text = "What is 2 + 2?,1,2,3,4,D\r\n\"Which is \"\"odd\"\",\nor neither?\",2,\"3, say\",4,6,B\r\n"
        try importing(text, as: "plain_sums_test.csv") { found in
            #expect(found.format == .mmlu)
            #expect(found.scenarios.map(\.id) == ["plain_sums_test-1", "plain_sums_test-2"])
            #expect(found.scenarios[0].topicDescription == "Exam questions in plain sums")
            #expect(
                found.scenarios[1].turns[0].prompt == "Which is \"odd\",\nor neither?\nA. 2\nB. 3, say\nC. 4\nD. 6")
            #expect(found.scenarios[1].turns[0].answer == "B")
        }
        try importing("\u{FEFF}question,A,B,C,D,answer\nOne?,1,2,3,4,A\n", as: "ones.csv") { found in
            #expect(found.scenarios.count == 1)
        }
    }

    /// A table with a fault is still a table: the fault is named.
    @Test func theFaultOfATableIsNamed() throws {
        #expect {
            try importing("q,1,2,3,4,A\nq,1,2\n", as: "x.csv") { _ in }
        } throws: { error in
            if case .unusableText(_, 2, _)? = error as? EvaluationError { true } else { false }
        }
    }

    @Test func aDescriptionStandsForTheSource() throws {
        try importing(#"{"question": "q", "answer": ["a"]}"#, description: "Trivia") { found in
            #expect(found.scenarios[0].topicDescription == "Trivia")
        }
    }

    @Test func samplesAreDrawnBySeedAndKeepTheirOrder() throws {
        let lines = (1...30).map { #"{"question": "q\#($0)", "answer": ["a"]}"# }.joined(separator: "\n")
        try importing(lines) { found in
            func sample(_ limit: Int, _ seed: UInt64) -> [String] {
                var copy = found
                copy.sample(limit, seed: seed)
                return copy.scenarios.map(\.turns[0].prompt)
            }
            #expect(sample(8, 1) == sample(8, 1))
            #expect(sample(8, 1) != sample(8, 2))
            #expect(sample(8, 1) == sample(30, 1).filter(Set(sample(8, 1)).contains))
            #expect(sample(99, 1).count == 30)
        }
    }

    /// What is written is what an evaluation reads.
    @Test func importedFilesAreScenarios() throws {
        try importing(#"{"question": "q", "answer": ["a", "b"]}"#) { found in
            try Fixtures.withTemporaryDirectory { folder in
                let file = folder.appending(path: "test/mine/part.json")
                try found.write(to: file)
                #expect(try ScenarioSet("mine", in: folder.appending(path: "test")).scenarios == found.scenarios)
                let byPath = try ScenarioSet(folder.appending(path: "test/mine").path + "/", in: folder)
                #expect(byPath.scenarios == found.scenarios && byPath.name == "mine")
                let alone = try ScenarioSet(file.path, in: folder)
                #expect(alone.scenarios == found.scenarios)
                #expect(alone.name == "part")
                #expect(throws: FileWriteError.self) { try found.write(to: file.appending(path: "below.json")) }
            }
        }
    }

    private static let choice = #"{"question_concept": "c", "question": "q", "#

    /// File and line stand in every error.
    @Test(arguments: [
        (DatasetFormat.naturalQuestions, #"{"question": "q", "answer": []}"#, "no answer"),
        (.naturalQuestions, #"{"question": "q", "answer": [" "]}"#, "no answer"),
        (.naturalQuestions, #"{"question": " ", "answer": ["a"]}"#, "empty question"),
        (.naturalQuestions, #"{"question": "q", "answer": "a"}"#, "another \"answer\""),
        (.naturalQuestions, #"{"answer": ["a"]}"#, "no \"question\""),
        (.naturalQuestions, #"["q", "a"]"#, "not a JSON object"),
        (.naturalQuestions, #"{"question": "q", "answer": ["a"]"#, "not JSON"),
        (.naturalQuestions, String(repeating: "[", count: 100_000), "not JSON"),
        (.commonsenseQA, choice + #""choices": {"label": ["A", "B"], "text": ["x", "y"]}}"#, "no \"answerKey\""),
        (
            .commonsenseQA, choice + #""choices": {"label": ["A", "B"], "text": ["x", "y"]}, "answerKey": "C"}"#,
            "answerKey \"C\""
        ),
        (
            .commonsenseQA, choice + #""choices": {"label": ["A", "A"], "text": ["x", "y"]}, "answerKey": "A"}"#,
            "repeats an option's label"
        ),
        (
            .commonsenseQA, choice + #""choices": {"label": ["A"], "text": ["x", "y"]}, "answerKey": "A"}"#,
            "1 labels for 2 options"
        ),
        (
            .commonsenseQA, choice + #""choices": {"label": ["A"], "text": ["x"]}, "answerKey": "A"}"#,
            "1 options, expected 2 to 26"
        ),
        (
            .arc, choice + #""choices": {"label": ["A", "B"], "text": ["x", "\n"]}, "answerKey": "A"}"#,
            "empty option, number 2"
        ),
        (
            .arc, choice + #""choices": {"label": ["A", "B"], "text": ["x", "\u200b"]}, "answerKey": "A"}"#,
            "empty option, number 2"
        ),
        (.mmlu, "q,1,2,3,4", "5 fields, expected 6"), (.mmlu, "q,1,2,3,4,E", "answer \"E\""),
        (.mmlu, "\"q,1,2,3,4,A", "never closed"), (.mmlu, "\"q\"x,1,2,3,4,A", "after a closing quote"),
    ])
    func malformedRecordsAreNamed(format: DatasetFormat, bad: String, detail: String) throws {
        let good: [DatasetFormat: String] = [
            .naturalQuestions: #"{"question": "q", "answer": ["a"]}"#, .mmlu: "q,1,2,3,4,A",
        ]
        let choice = Self.choice + #""choices": {"label": ["A", "B"], "text": ["x", "y"]}, "answerKey": "A"}"#
        #expect {
            try importing(good[format, default: choice] + "\n\n" + bad, format: format) { _ in }
        } throws: { error in
            guard case .unusableText(let file, 3, let found)? = error as? EvaluationError else { return false }
            return file.hasSuffix("questions.jsonl") && found.contains(detail)
        }
    }

    @Test(arguments: ["", "\n \n", "plain text", "{}", "{\"a\": 1}", "a,b,c", "\u{0}\u{1}"])
    func unknownFilesAreRefused(text: String) throws {
        #expect {
            try importing(text) { _ in }
        } throws: { error in
            if case .malformed(let file, _)? = error as? EvaluationError { file.hasSuffix(".jsonl") } else { false }
        }
    }

    @Test func idsMustDiffer() throws {
        try Fixtures.withTemporaryDirectory { folder in
            let file = folder.appending(path: "a.jsonl")
            try Data(#"{"question": "q", "answer": ["a"]}"#.utf8).write(to: file)
            #expect(throws: EvaluationError.unusableText(file: file.path, line: 1, detail: "repeats the id a-1")) {
                try DatasetImport([file, file])
            }
            #expect(throws: EvaluationError.self) { try DatasetImport([folder.appending(path: "none.jsonl")]) }
            #expect(throws: EvaluationError.self) { try DatasetImport([folder]) }
            #expect(throws: EvaluationError.self) { try DatasetImport([]) }
        }
    }

    @Test func bytesThatAreNoTextAreRefused() throws {
        try Fixtures.withTemporaryDirectory { folder in
            for (name, format) in [("a.csv", DatasetFormat.mmlu), ("a.jsonl", .naturalQuestions)] {
                let file = folder.appending(path: name)
                try Data([0xff, 0xfe, 0x2c, 0x2c, 0x2c, 0x2c, 0x2c, 0x41, 0x0a]).write(to: file)
                #expect(throws: EvaluationError.self) { try DatasetImport([file], format: format) }
            }
        }
    }
}
