import Foundation
import TestSupport
import Testing

/// The built tool, run as a user runs it.
private struct Tool {
    let status: Int32
    let output: String
    let errors: String

    static let url = URL(fileURLWithPath: CommandLine.arguments[0]).resolvingSymlinksInPath()
        .deletingLastPathComponent().appending(path: "subspacepath")

    /// - Parameters:
    ///   - input: a file that standard input comes from.
    ///   - device: what standard output goes to instead; nothing of it is in ``output`` then.
    init(
        _ arguments: [String], in directory: URL = Fixtures.root, readingFrom input: URL? = nil,
        writingTo device: String? = nil
    ) throws {
        let process = Process()
        process.executableURL = Self.url
        process.arguments = arguments
        process.currentDirectoryURL = directory
        process.standardInput = try input.map(FileHandle.init(forReadingFrom:)) ?? FileHandle.nullDevice
        let (out, err) = (Pipe(), Pipe())
        process.standardOutput = try device.map { try FileHandle(forWritingTo: URL(fileURLWithPath: $0)) } ?? out
        process.standardError = err
        try process.run()
        // Progress is short, so reading one pipe to its end before the other cannot block.
        output =
            device == nil ? String(decoding: out.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self) : ""
        errors = String(decoding: err.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        status = process.terminationStatus
    }

    func json() throws -> [String: Any] {
        try #require(try JSONSerialization.jsonObject(with: Data(output.utf8)) as? [String: Any])
    }
}

@Suite(.serialized) struct CommandLineTests {
    private let tiny = Fixtures.url("models/llama-tiny.gguf").path

    @Test func inspectDescribesAModel() throws {
        let json = try Tool(["inspect", "--json"]).json()
        #expect(json["architecture"] as? String == "llama")
        #expect(json["layers"] as? Int == 30)
        #expect(json["heads"] as? Int == 9)
        #expect(json["keyValueHeads"] as? Int == 3)
        #expect(json["headSize"] as? Int == 64)
        #expect(json["parameters"] as? Int == 134_515_008)
        #expect(json["quantization"] as? String == "Q4_1")
    }

    @Test func tokenizeTakesTextAndFiles() throws {
        let ids = try #require(try Tool(["tokenize", "--text", "Hello, world!", "--json"]).json()["ids"] as? [Int])
        try Fixtures.withTemporaryDirectory { folder in
            let cases = folder.appending(path: "cases.jsonl")
            try Data("{\"text\": \"Hello, world!\"}\n{\"text\": \"\"}\n".utf8).write(to: cases)
            let lines = try Tool(["tokenize", "--input", cases.path]).output.split(separator: "\n")
            #expect(
                lines.map(String.init) == ["{\"ids\":\(ids.description.replacing(" ", with: ""))}", "{\"ids\":[]}"])
        }
    }

    @Test(arguments: ["heads", "heads,feed-forward"])
    func generateFollowsACompiledPathway(kinds: String) throws {
        try Fixtures.withTemporaryDirectory { folder in
            let pathway = folder.appending(path: "pathway.json").path
            let budget = ["--scenario", "A tutor for school chemistry", "--pruned-fraction", "0.2", "--prune", kinds]
            let compiled = try Tool(["compile", "--output", pathway, "--json"] + budget).json()
            #expect((compiled["keptHeads"] as? [[Int]])?.count == 30)
            #expect((compiled["keptBlocks"] as? [[Int]])?.count == (kinds == "heads" ? nil : 30))
            #expect((compiled["domains"] as? [String: Double])?.count == 6)
            #expect(
                Set(try #require(compiled["milliseconds"] as? [String: Any]).keys).isSuperset(of: [
                    "diagnose", "compile",
                ]))
            let removed = kinds == "heads" ? "prunedFraction" : "multiplyAddsRemoved"
            #expect(abs(try #require(compiled[removed] as? Double) - 0.2) < 0.01)
            let arguments = ["generate", "--prompt", "What is an acid?", "--max-new-tokens", "8", "--json"]
            let fromFile = try Tool(arguments + ["--pathway", pathway]).json()
            let fromScenario = try Tool(arguments + budget).json()
            #expect(fromFile["text"] as? String == fromScenario["text"] as? String)
            #expect(fromFile["newTokens"] as? Int == 8)
            #expect(fromFile["prunedFraction"] as? Double == compiled["prunedFraction"] as? Double)
        }
    }

    @Test func generateReadsAPromptFromAFile() throws {
        try Fixtures.withTemporaryDirectory { folder in
            let file = folder.appending(path: "prompt.txt")
            try Data("What is an acid?\n".utf8).write(to: file)
            let length = ["--max-new-tokens", "8", "--json"]
            let given = try Tool(["generate", "--prompt", "What is an acid?"] + length).json()
            let read = try Tool(["generate", "--prompt-file", file.path] + length).json()
            #expect(read["text"] as? String == given["text"] as? String)
            #expect(read["promptTokens"] as? Int == given["promptTokens"] as? Int)
        }
    }

    @Test func generateTakesASystemMessage() throws {
        let asked = ["generate", "--prompt", "What are you?", "--max-new-tokens", "12", "--json"]
        let pirate = try Tool(asked + ["--system", "You are a pirate captain. Always answer as one."]).json()
        let plain = try Tool(asked).json()
        #expect(pirate["promptTokens"] as? Int != plain["promptTokens"] as? Int)
        #expect(pirate["text"] as? String != plain["text"] as? String)
    }

    @Test func chatAnswersEachLine() throws {
        try Fixtures.withTemporaryDirectory { folder in
            let questions = folder.appending(path: "questions.txt")
            try Data("What is an acid?\r\n\n  \nAnd a base?".utf8).write(to: questions)
            let scenario = ["--scenario", "A tutor for school chemistry", "--max-new-tokens", "8", "--json"]
            let chat = try Tool(["chat"] + scenario, readingFrom: questions)
            let answers = try chat.output.split(separator: "\n").map {
                try #require(try JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any])
            }
            let alone = try Tool(["generate", "--prompt", "What is an acid?"] + scenario).json()
            #expect(answers.count == 2)
            for key in ["text", "promptTokens", "newTokens", "prunedFraction", "multiplyAddsRemoved", "stopReason"] {
                #expect(answers.first?[key] as? NSObject == alone[key] as? NSObject, "\(key)")
            }
            let read = try #require(answers.last?["promptTokens"] as? Int)
            #expect(read < (alone["promptTokens"] as? Int ?? 0))
            let latin = folder.appending(path: "latin.txt")
            try Data([0x63, 0x61, 0x66, 0xe9]).write(to: latin)
            let wrong = try Tool(["chat"], readingFrom: latin)
            #expect(wrong.status == 1)
            #expect(wrong.errors.hasPrefix("Error: standard input cannot be read: "))
        }
    }

    @Test func perplexityGroupsItsTexts() throws {
        try Fixtures.withTemporaryDirectory { folder in
            let texts = folder.appending(path: "texts.jsonl")
            let lines = [
                #"{"text": "Acids give protons to bases.", "scenario": "A chemistry tutor", "group": "chemistry"}"#,
                #"{"text": "The war ended in the spring.", "scenario": "A guide to history", "group": "history"}"#,
            ]
            try Data(lines.joined(separator: "\n").utf8).write(to: texts)
            let dense = try Tool(["perplexity", "--input", texts.path, "--json"]).json()
            let pruned = try Tool([
                "perplexity", "--input", texts.path, "--pruned-fraction", "0.3", "--divergence", "--json",
            ]).json()
            #expect(dense["divergencePerToken"] == nil)
            #expect(try #require(pruned["divergencePerToken"] as? Double) > 0.01)
            #expect((0...1).contains(try #require(pruned["sameLikeliest"] as? Double)))
            #expect(dense["tokens"] as? Int == pruned["tokens"] as? Int)
            #expect(dense["prunedFraction"] as? Double == 0)
            #expect(abs(try #require(pruned["prunedFraction"] as? Double) - 0.3) < 0.01)
            #expect(dense["nllPerToken"] as? Double != pruned["nllPerToken"] as? Double)
            #expect(Set(try #require(dense["groups"] as? [String: Any]).keys) == ["chemistry", "history"])
        }
    }

    @Test func domainsAreChosenAndDrawn() throws {
        try Fixtures.withTemporaryDirectory { folder in
            let pools = folder.appending(path: "pools")
            try FileManager.default.createDirectory(at: pools, withIntermediateDirectories: true)
            let texts = ["acids": "acid base proton", "courts": "court law verdict", "d & <s>\n": "drum rhythm beat"]
            for (name, text) in texts {
                let list = text.split(separator: " ").map { "\($0) \(text)" }
                try JSONEncoder().encode(list).write(to: pools.appending(path: "\(name).json"))
            }
            let picture = folder.appending(path: "new/picture.svg")
            let arguments = ["domains", "--model", tiny, "--pools", pools.path, "--count", "2", "--include", "courts"]
            let first = try Tool(arguments + ["--output", picture.path, "--json"]).json()
            #expect(
                Set(first.keys) == [
                    "chosen", "objective", "separation", "coverage", "balance", "search", "setsScored", "candidates",
                    "orthogonality", "coverageByCandidate", "textsByCandidate", "dimensions", "explainedVariance",
                    "output", "seconds",
                ])
            let chosen = try #require(first["chosen"] as? [String])
            #expect(chosen.count == 2 && chosen.contains("courts"))
            #expect(first["search"] as? String == "exhaustive" && first["setsScored"] as? Int == 2)
            #expect((first["orthogonality"] as? [[Double]])?.map(\.count) == [3, 3, 3])
            #expect(
                String(decoding: try Data(contentsOf: picture), as: UTF8.self).contains("d &amp; &lt;s&gt;\u{FFFD}"))
            let again = try Tool(arguments + ["--output", picture.path, "--json"]).json()
            for key in ["chosen", "objective", "orthogonality", "coverageByCandidate"] {
                #expect(first[key] as? NSObject == again[key] as? NSObject)
            }
            let table = try Tool(arguments + ["--num-samples-per-domain", "2"])
            #expect(table.output.contains("best of all 2 sets") && table.output.contains("d & <s>\u{FFFD}"))
            #expect(table.output.contains("6 texts in "))
            let blank = pools.appending(path: "blank.json")
            try Data("[]".utf8).write(to: blank)
            let refused = try Tool(arguments)
            #expect(refused.status == 1 && refused.errors.contains("blank.json is empty"))
        }
    }

    @Test func benchHoldsSpeedsAgainstTheMachineAndEachOther() throws {
        try Fixtures.withTemporaryDirectory { folder in
            let file = folder.appending(path: "new/bench.json")
            let json = try Tool([
                "bench", "--prompt-tokens", "16", "40", "--generate-tokens", "4", "--repetitions", "2",
                "--pruned-fraction", "0.4", "--scenario", "A chemistry tutor", "--output", file.path, "--json",
            ]).json()
            let written = try JSONSerialization.jsonObject(with: Data(contentsOf: file)) as? NSDictionary
            #expect(written == json as NSDictionary)
            let limits = try #require(json["limits"] as? [String: Double])
            let least = [
                "readBytesPerSecond": 1e9, "int8PerSecond": 1e9, "float32PerSecond": 1e9, "stepsPerSecond": 1000,
            ]
            #expect(Set(limits.keys) == Set(least.keys))
            #expect(limits.allSatisfy { $0.value > least[$0.key] ?? .infinity })
            #expect(try #require(json["peakResidentBytes"] as? Int) > 50_000_000)
            #expect(try #require(json["threads"] as? Int) > 0)
            #if os(Linux)
                #expect((0...1).contains(try #require(json["otherProgramsShare"] as? Double)))
            #endif
            let compilation = try #require(json["compilation"] as? [String: Any])
            #expect(try #require(compilation["tokens"] as? Int) > 1)
            for way in ["whole", "earlyExit"] {
                let times = try #require(compilation[way] as? [String: Double])
                let dense = try #require(compilation["densePassMilliseconds"] as? Double)
                #expect(try #require(times["diagnoseMilliseconds"]) < #require(times["milliseconds"]))
                #expect(abs(try #require(times["shareOfDensePass"]) - #require(times["milliseconds"]) / dense) < 1e-9)
            }
            let lengths = try #require(json["lengths"] as? [[String: Any]])
            #expect(lengths.map { $0["promptTokens"] as? Int } == [16, 40])
            for length in lengths {
                let dense = try #require(length["dense"] as? [String: Any])
                #expect(try #require(dense["prefillTokensPerSecond"] as? Double) > 0)
                #expect((dense["decodeSamples"] as? [Double])?.count == 2)
                let pathway = try #require(length["pathway"] as? [String: Any])
                #expect(abs(try #require(pathway["prunedFraction"] as? Double) - 0.4) < 0.01)
                // Queries and outputs are 18.7% of the multiply-adds of this model's layers, so 40% of the heads are
                // 7.5% of them; keys and values, another 6.2%, go with whole groups.
                let prefill = try #require(pathway["prefill"] as? [String: Double])
                #expect((0.07...0.11).contains(try #require(prefill["multiplyAddsRemoved"])))
            }
        }
    }

    @Test func runWritesResumableResults() throws {
        try Fixtures.withTemporaryDirectory { folder in
            let arguments = [
                "run", "--pruning-strengths", "0.4", "--datasets", "selected_domain", "--num-samples", "1",
                "--max-new-tokens", "4", "--results-dir", folder.path, "--name", "one", "--json",
            ]
            let first = try Tool(arguments)
            let rows = try #require(try first.json()["rows"] as? [[String: Any]])
            #expect(rows.map { $0["strength"] as? Double } == [0, 0.4])
            #expect(
                Set(rows[0].keys) == [
                    "dataset", "strength", "accuracy", "prunedFraction", "scenarios", "turns", "tokensPerSecond",
                    "speedup", "compileMilliseconds", "pathway",
                ])
            let comparisons = try #require(try first.json()["comparisons"] as? [[String: Any]])
            #expect(
                Set(comparisons[0].keys) == [
                    "dataset", "pathway", "strength", "baseline", "metric", "difference", "pValue",
                    "scenarios", "turns",
                ])
            let turns = folder.appending(path: "smollm2-135m-instruct/one/turns.jsonl")
            let pathways = try Data(contentsOf: folder.appending(path: "smollm2-135m-instruct/one/pathways.jsonl"))
            #expect(pathways.count { $0 == UInt8(ascii: "\n") } == 1)
            let whole = try Data(contentsOf: turns)
            // Half a line at the end is what kill -9 leaves.
            try whole.dropLast(40).write(to: turns)
            #expect(try Tool(arguments).status != 0)
            #expect(try Tool(arguments + ["--resume"]).status == 0)
            func predictions(_ data: Data) throws -> [String?] {
                try data.split(separator: UInt8(ascii: "\n")).map {
                    (try JSONSerialization.jsonObject(with: Data($0)) as? [String: Any])?["prediction"] as? String
                }
            }
            #expect(try predictions(Data(contentsOf: turns)) == predictions(whole))
            // The pathway is known already.
            let path = turns.deletingLastPathComponent().path
            #expect(try Data(contentsOf: URL(fileURLWithPath: path + "/pathways.jsonl")) == pathways)
            let page = folder.appending(path: "new/page.html").path
            let report = try Tool(["report", path, "--output", page, "--json"]).json()
            #expect(report["turns"] as? Int == rows.compactMap { $0["turns"] as? Int }.reduce(0, +))
            #expect(report["artifacts"] as? String == "artifacts/smollm2-135m-instruct")
            #expect(try Data(contentsOf: URL(fileURLWithPath: page)).count == report["bytes"] as? Int)
        }
    }

    /// From a published file to measured likelihoods, in a folder and by path.
    /// By Ctrl-C, which says how to go on.
    @Test func aStoppedRunGoesOn() throws {
        try Fixtures.withTemporaryDirectory { folder in
            let arguments = [
                "run", "--pruning-strengths", "0.4", "--datasets", "selected_domain", "--num-samples", "4",
                "--max-new-tokens", "64", "--results-dir", folder.path, "--name", "one", "--resume",
            ]
            let process = Process()
            (process.executableURL, process.arguments) = (Tool.url, arguments)
            process.currentDirectoryURL = Fixtures.root
            let errors = Pipe()
            (process.standardOutput, process.standardError) = (FileHandle.nullDevice, errors)
            // Tests run on threads that take no signals, which a process that they start inherits.
            var (none, before) = (sigset_t(), sigset_t())
            sigemptyset(&none)
            pthread_sigmask(SIG_SETMASK, &none, &before)
            try process.run()
            pthread_sigmask(SIG_SETMASK, &before, nil)
            let turns = folder.appending(path: "smollm2-135m-instruct/one/turns.jsonl")
            while process.isRunning, ((try? Data(contentsOf: turns)) ?? Data()).isEmpty { usleep(2000) }
            process.interrupt()
            process.waitUntilExit()
            let said = String(decoding: errors.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
            #expect(process.terminationReason == .uncaughtSignal)
            #expect(said.contains("--resume --name one"))
            let earlier = try Data(contentsOf: turns)
            let resumed = try Tool(arguments)
            #expect(resumed.status == 0)
            let whole = earlier.prefix(through: try #require(earlier.lastIndex(of: UInt8(ascii: "\n"))))
            #expect(try Data(contentsOf: turns).starts(with: whole))
        }
    }

    @Test func importedQuestionsAreMeasured() throws {
        try Fixtures.withTemporaryDirectory { folder in
            let published = folder.appending(path: "made_up_sums_test.csv")
            try Data("What is 2 + 3?,4,5,6,7,B\n\"Is 2, or 3, odd?\",2,3,both,none,B\n".utf8).write(to: published)
            let output = folder.appending(path: "test/sums/questions.json").path
            let imported = try Tool(["import", "--input", published.path, "--output", output, "--json"]).json()
            #expect(imported["format"] as? String == "mmlu")
            #expect(imported["scenarios"] as? Int == 2)
            let arguments = [
                "run", "--pruning-strengths", "0.4", "--scoring", "likelihood", "--compare-blind", "--results-dir",
                folder.path, "--json",
            ]
            let inFolder = try Tool(arguments + ["--data-dir", folder.path, "--datasets", "sums", "--name", "a"]).json()
            let byPath = try Tool(arguments + ["--datasets", output, "--name", "b"]).json()
            let rows = try [inFolder, byPath].map { try #require($0["rows"] as? [[String: Any]]) }
            #expect(rows[0].map { $0["pathway"] as? String } == ["dense", "scenario", "blind"])
            #expect(rows[0].map { $0["dataset"] as? String } == ["sums", "sums", "sums"])
            #expect(rows[1].map { $0["dataset"] as? String } == ["questions", "questions", "questions"])
            for key in ["likelihoodAccuracy", "letterAccuracy", "answerNLL", "klToDense"] {
                #expect(rows[0].map { $0[key] as? Double } == rows[1].map { $0[key] as? Double })
                #expect(rows[0].allSatisfy { $0[key] is Double && $0[key + "Low"] is Double })
            }
            let table = try Tool(Array(arguments.dropLast()) + ["--datasets", output, "--name", "c"])
            #expect(table.output.contains("KL to dense") && table.output.contains("0.40 blind"))
            #expect(table.output.split(separator: "\n").allSatisfy { $0.count <= 132 })
        }
    }

    @Test func importDrawsBySeedAndNamesItsFolder() throws {
        try Fixtures.withTemporaryDirectory { folder in
            let lines = (1...20).map { "{\"question\": \"q\($0)\", \"answer\": [\"a\"]}" }.joined(separator: "\n")
            try Data(lines.utf8).write(to: folder.appending(path: "dev.jsonl"))
            let arguments = ["import", "--input", "dev.jsonl", "--limit", "5", "--scenario", "Trivia"]
            let first = try Tool(arguments, in: folder)
            #expect(first.status == 0 && first.output.contains("5 of 20"))
            let written = folder.appending(path: "data/test/natural_questions/dev.json")
            let whole = try Data(contentsOf: written)
            #expect(String(decoding: whole, as: UTF8.self).contains("Trivia"))
            _ = try Tool(arguments, in: folder)
            #expect(try Data(contentsOf: written) == whole)
            _ = try Tool(arguments + ["--name", "mine", "--seed", "7"], in: folder)
            #expect(try Data(contentsOf: folder.appending(path: "data/test/mine/dev.json")) != whole)
            // Other scenarios are not written over, unless the file is named.
            let other = try Tool(arguments + ["--seed", "7"], in: folder)
            #expect(other.status != 0 && other.errors.contains("holds other scenarios"))
            #expect(try Data(contentsOf: written) == whole)
            // Nor do questions join a dataset that has them in another file.
            try FileManager.default.copyItem(
                at: folder.appending(path: "dev.jsonl"), to: folder.appending(path: "copy.jsonl"))
            let copy = try Tool(["import", "--input", "copy.jsonl"], in: folder)
            #expect(copy.status != 0 && copy.errors.contains("dev.json holds 5 of these questions"))
            let named = ["--seed", "7", "--output", "data/test/natural_questions/dev.json"]
            #expect(try Tool(arguments + named, in: folder).status == 0)
            #expect(try Data(contentsOf: written) != whole)
        }
    }

    @Test func wrongUsageExitsWith64() throws {
        for arguments in [
            ["compile", "--scenario", "x", "--pruning-strength", "1.5"], ["compile"], ["tokenize"], ["no-such-command"],
            ["generate", "--prompt", "x", "--pruned-fraction", "0.2"], ["generate"],
            ["generate", "--prompt", "x", "--prompt-file", "y"],
            ["generate", "--prompt", "x", "--raw", "--system", "y"], ["generate", "--prompt", "x", "--thinking"],
            ["generate", "--prompt", "x", "--raw", "--thinking"],
            ["run", "--pruning-strengths", "-1"],
            ["compile", "--scenario", "x", "--criterion", "no-such-criterion"], ["bench", "--repetitions", "0"],
            ["bench", "--scenario", "x"], ["bench", "--pruned-fraction", "0.1", "--pruning-strength", "0.1"],
            ["chat", "--pruning-strength", "0.2"], ["chat", "--max-new-tokens", "0"],
            ["run", "--scoring", "taste"], ["compile", "--scenario", "x", "--prune", "heads,legs"], ["import"],
            ["import", "--input", "x", "--limit", "0"], ["domains", "--count", "0"], ["domains", "--balance", "1.5"],
            ["train", "--output-dir", ""], ["train", "--selected-domains", "law", "law"],
            ["domains", "--output", "x.png"], ["domains", "--dimensions", "0"],
            ["generate", "--prompt", "x", "--special"],
            ["compile", "--scenario", "x", "--output", ""], ["generate", "--promt", "x"],
            ["import", "--input", "x", "--format", "riddles"], ["import", "--input", "x", "--output", "x.txt"],
        ] {
            let tool = try Tool(arguments)
            #expect(tool.status == 64, "\(arguments)")
            #expect(tool.output.isEmpty)
        }
    }

    /// Scripts go by the status: results on a full disk are not a success.
    @Test(
        .enabled(if: FileManager.default.fileExists(atPath: "/dev/full")),
        arguments: [["inspect"], ["inspect", "--json"], ["tokenize", "--text", "Hello"]])
    func resultsThatCannotBeWrittenAreAnError(arguments: [String]) throws {
        let tool = try Tool(arguments, writingTo: "/dev/full")
        #expect(tool.status == 1)
        #expect(tool.errors == "Error: cannot write standard output: No space left on device\n")
    }

    /// One clear line and a non-zero status.
    @Test func badInputGivesOneClearLine() throws {
        try Fixtures.withTemporaryDirectory { folder in
            let junk = folder.appending(path: "junk.gguf")
            try Data("not a model".utf8).write(to: junk)
            let questions = folder.appending(path: "questions.jsonl")
            try Data("{\"question\": \"q\", \"answer\": [\"a\"]}\n{\"question\": 1}\n".utf8).write(to: questions)
            let inside = folder.appending(path: "inside")
            try FileManager.default.createDirectory(at: inside, withIntermediateDirectories: true)
            let riddle = inside.appending(path: "riddle.json")
            let turn = #"{"prompt": "Which?\nA. one\nB. two", "answer": "Z", "task_type": "multiple_choice"}"#
            try Data(#"[{"scenario_id": "r", "topic_description": "Riddles", "turns": [\#(turn)]}]"#.utf8).write(
                to: riddle)
            let overall = inside.appending(path: "overall.json")
            try FileManager.default.copyItem(
                at: Fixtures.root.appending(path: "data/test/selected_domain/math.json"), to: overall)
            let empty = folder.appending(path: "empty.jsonl")
            try Data(#"{"text": ""}"#.utf8).write(to: empty)
            let wordless = inside.appending(path: "wordless.json")
            let unscored = #"{"prompt": "What is not equal?", "answer": "!=", "task_type": "code"}"#
            try Data(#"[{"scenario_id": "w", "topic_description": "Signs", "turns": [\#(unscored)]}]"#.utf8).write(
                to: wordless)
            let none = inside.appending(path: "none.json")
            try Data("[]".utf8).write(to: none)
            let latin = folder.appending(path: "latin.txt")
            try Data([0x63, 0x61, 0x66, 0xe9]).write(to: latin)
            let blank = folder.appending(path: "blank.jsonl")
            try Data(#"{"text": "one two", "scenario": " "}"#.utf8).write(to: blank)
            let kind = inside.appending(path: "kind.json")
            let essay = #"{"prompt": "Why?", "answer": "So.", "task_type": "essay"}"#
            try Data(#"[{"scenario_id": "e", "topic_description": "Essays", "turns": [\#(essay)]}]"#.utf8).write(
                to: kind)
            let typed = folder.appending(path: "typed.jsonl")
            try Data(#"{"text": "one two", "scenario": 3}"#.utf8).write(to: typed)
            let open = folder.appending(path: "open.jsonl")
            try Data(#"{"question": "q", "answer": ["a"]}"#.utf8).write(to: open)
            let choices = folder.appending(path: "choices.jsonl")
            let choice = #"{"stem": "q", "choices": [{"label": "A", "text": "a"}, {"label": "B", "text": "b"}]}"#
            try Data(#"{"id": "1", "question": \#(choice), "answerKey": "A"}"#.utf8).write(to: choices)
            let cases: [([String], String)] = [
                (["inspect", "--model", "no-such-model"], "no-such-model"),
                (["inspect", "--model", junk.path], "not a GGUF file"),
                (["inspect", "--model", folder.appending(path: "none.gguf").path], "none.gguf"),
                (["compile", "--scenario", " "], "description is empty"),
                (["compile", "--scenario", "x", "--artifacts", folder.path], "subspacepath train"),
                (
                    ["compile", "--scenario", "x", "--model", tiny, "--artifacts", "artifacts/smollm2-135m-instruct"],
                    "were made for"
                ),
                (["perplexity", "--input", folder.appending(path: "none.jsonl").path], "none.jsonl"),
                (
                    [
                        "train", "--model", tiny, "--selected-domains", "alchemy", "--output-dir",
                        folder.appending(path: "a").path,
                    ], "alchemy"
                ),
                (["domains", "--pools", folder.path], "no candidate pools"),
                (["domains", "--include", "alchemy"], "alchemy"),
                (["domains", "--include", "law", "law"], "named twice"),
                (["domains", "--count", "1000"], "candidates"),
                (["run", "--datasets", "no_such_set"], "no_such_set"),
                (["report", folder.path], "holds no configuration.json"),
                (["run", "--datasets", "no/such/file.json"], "file.json cannot be read"),
                (["run", "--datasets", "no/such/folder"], "no/such/folder is no folder of .json files"),
                (["run", "--datasets", "a/b.json", "no_such_set"], "b.json"),
                (["import", "--input", junk.path], "of no known format"),
                (["import", "--input", questions.path], "questions.jsonl, line 2: "),
                (["import", "--input", folder.appending(path: "none.csv").path], "none.csv"),
                (["run", "--num-samples", "1", "--results-dir", "/dev/null"], "/dev/null"),
                (["generate", "--prompt", String(repeating: "word ", count: 9000)], "context"),
                (["generate", "--prompt", "x", "--pathway", junk.path], "junk.gguf"),
                (["generate", "--prompt-file", folder.appending(path: "none.txt").path], "none.txt cannot be read"),
                (["generate", "--prompt-file", latin.path], "is not UTF-8"),
                (["bench", "--prompt-tokens", "\(Int.max)", "--model", tiny], "context"),
                (["run", "--data-dir", folder.path], "holds no datasets"),
                (["run", "--datasets", riddle.path], "whose turn 1 has the answer"),
                (["run", "--datasets", overall.path], "cannot be named"),
                (["compile", "--scenario", "x", "--output", junk.path + "/x.json"], "junk.gguf is not a folder"),
                (["compile", "--scenario", "x", "--output", folder.path], "is a folder"),
                (["perplexity", "--input", empty.path], "two tokens"),
                (["inspect", "--model", ""], "--model is empty"),
                (["generate", "--promt", "x"], "Did you mean '--prompt'?"),
                (["train", "--seed", "1", "--output-dir", "artifacts/smollm2-135m-instruct"], "--overwrite"),
                (
                    ["compile", "--scenario", "x", "--output", "models/SmolLM2-135M-Instruct.Q4_1.gguf"],
                    "it is the model"
                ),
                (["run", "--datasets", kind.path], "scenario 1, turn 1, task_type is not one of multiple_choice"),
                (["perplexity", "--input", typed.path], "line 1: its \"scenario\" is not a string"),
                (["import", "--input", open.path, choices.path], "those before it of nq-open"),
                (["generate", "--prompt", "x", "--criterion", "random"], "need a --scenario"),
                (["import", "--input", questions.path, "--output", "overall.json"], "cannot be overall.json"),
                (["run", "--datasets", wordless.path], "no word to find"),
                (["run", "--datasets", none.path], "holds no scenarios"),
                (["perplexity", "--pruned-fraction", "0.1", "--input", blank.path], "line 1: has an empty"),
                (["train", "--model", tiny, "--output-dir", folder.path], "choose another --output-dir"),
                (
                    [
                        "compile", "--scenario", "x", "--prune", "heads,feed-forward", "--model", tiny, "--artifacts",
                        "artifacts/smollm2-135m-instruct",
                    ], "were made for"
                ),
            ]
            for (arguments, message) in cases {
                let tool = try Tool(arguments)
                #expect(tool.status != 0, "\(arguments)")
                #expect(tool.errors.contains(message), "\(arguments): \(tool.errors)")
                #expect(tool.errors.split(separator: "\n").count { $0.hasPrefix("Error:") } == 1, "\(tool.errors)")
                #expect(tool.output.isEmpty)
            }
        }
    }

    @Test func everyCommandTeaches() throws {
        for command in [
            "inspect", "tokenize", "generate", "chat", "domains", "train", "compile", "run", "perplexity", "bench",
            "import",
            "report",
        ] {
            let help = try Tool([command, "--help"])
            #expect(help.status == 0)
            #expect(help.output.contains("OVERVIEW"))
            #expect(help.output.contains("--json"))
        }
    }
}
