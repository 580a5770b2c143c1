import Basics

/// A conversation in one scenario, with checked answers.
public struct Scenario: Sendable, Codable, Equatable {
    /// What a turn asks for.
    public enum TaskType: String, Sendable, Codable, CaseIterable {
        case multipleChoice = "multiple_choice"
        case factual
        case code
        case reasoning
    }

    public struct Turn: Sendable, Codable, Equatable {
        public let prompt: String
        /// The option letter of a multiple choice, else the keywords of a right answer.
        public let answer: String
        public let taskType: TaskType
        /// Answers that are as right as ``answer``; nil for none.
        public let otherAnswers: [String]?

        /// All that are right, ``answer`` first.
        var rightAnswers: [String] { [answer] + (otherAnswers ?? []) }

        public init(prompt: String, answer: String, taskType: TaskType, otherAnswers: [String]? = nil) {
            self.prompt = prompt
            self.answer = answer
            self.taskType = taskType
            self.otherAnswers = otherAnswers
        }

        enum CodingKeys: String, CodingKey {
            case prompt, answer
            case taskType = "task_type"
            case otherAnswers = "other_answers"
        }
    }

    public let id: String
    /// What the scenario is about: the pathway is compiled from it.
    public let topicDescription: String
    public let turns: [Turn]

    public init(id: String, topicDescription: String, turns: [Turn]) {
        self.id = id
        self.topicDescription = topicDescription
        self.turns = turns
    }

    enum CodingKeys: String, CodingKey {
        case id = "scenario_id"
        case topicDescription = "topic_description"
        case turns
    }
}

/// A category of scenarios: the files of one folder, or one file.
public struct ScenarioSet: Sendable {
    public let name: String
    /// In the order of file names, then of the files.
    public let scenarios: [Scenario]

    public init(name: String, scenarios: [Scenario]) {
        self.name = name
        self.scenarios = scenarios
    }

    /// Reads every `.json` file of `<directory>/<name>`, each a list of scenarios. A name with a slash in it is the
    /// path of such a folder, one that ends in `.json` the path of a single such file, wherever they are; the set is
    /// then named after folder or file.
    public init(_ name: String, in directory: URL) throws(EvaluationError) {
        let (isFile, isPath) = (name.hasSuffix(".json"), name.contains("/"))
        let folder = isPath ? URL(fileURLWithPath: name) : directory.appending(path: name)
        guard isFile || isPath || !name.hasPrefix(".") else {
            throw .unknownDataset(name, directory: directory.relativePath, known: Self.names(in: directory))
        }
        let urls = isFile ? [URL(fileURLWithPath: name)] : FileManager.default.jsonFiles(in: folder)
        var scenarios: [Scenario] = []
        var seen: Set<String> = []
        for url in urls {
            let data = try EvaluationError.contents(of: url)
            let list: [Scenario]
            do {
                list = try JSONDecoder().decode([Scenario].self, from: data)
            } catch {
                throw .malformed(file: url.path, detail: "is not a list of scenarios: \(Self.explain(error))")
            }
            for scenario in list {
                if let fault = Self.fault(of: scenario) {
                    throw .malformed(file: url.path, detail: "has scenario \(scenario.id) \(fault)")
                }
                guard seen.insert(scenario.id).inserted else {
                    throw .malformed(file: url.path, detail: "repeats the scenario id \(scenario.id)")
                }
            }
            scenarios += list
        }
        guard !urls.isEmpty || !isPath else {
            throw .malformed(file: folder.path, detail: "is no folder of .json files")
        }
        guard !scenarios.isEmpty else {
            if let file = urls.first { throw .malformed(file: file.path, detail: "holds no scenarios") }
            throw .unknownDataset(name, directory: directory.path, known: Self.names(in: directory))
        }
        self.init(
            name: isFile ? urls[0].deletingPathExtension().lastPathComponent : folder.lastPathComponent,
            scenarios: scenarios)
    }

    /// Why a scenario cannot be answered or scored; nil where it can.
    private static func fault(of scenario: Scenario) -> String? {
        if scenario.turns.isEmpty { return "without turns" }
        if scenario.topicDescription.allSatisfy(\.isWhitespace) { return "without a topic_description" }
        for (index, turn) in scenario.turns.enumerated() {
            if let fault = fault(of: turn) { return "whose turn \(index + 1) \(fault)" }
        }
        return nil
    }

    private static func fault(of turn: Scenario.Turn) -> String? {
        let answers = turn.rightAnswers
        guard turn.taskType == .multipleChoice else {
            let unscored = answers.first { AnswerScoring.words(of: $0).isEmpty }
            return unscored.map { "has the answer \"\($0)\", in which there is no word to find" }
        }
        let letters = AnswerScoring.options(of: turn.prompt).map { String($0.letter) }
        if letters.count < 2 { return "is a multiple choice without two lines of options, `A. text` and `B. text`" }
        let unknown = answers.first { !letters.contains($0) }
        return unknown.map { "has the answer \"\($0)\", expected one of \(letters.joined(separator: ", "))" }
    }

    /// The categories in `directory`: its folders that hold `.json` files.
    public static func names(in directory: URL) -> [String] {
        let files = FileManager.default
        let entries = (try? files.contentsOfDirectory(atPath: directory.path)) ?? []
        return entries.filter { !$0.hasPrefix(".") && !files.jsonFiles(in: directory.appending(path: $0)).isEmpty }
            .sorted()
    }

    /// "scenario 3, turn 1, task_type", counted from 1.
    private static func place(_ context: DecodingError.Context) -> String {
        var parts: [String] = []
        for key in context.codingPath {
            guard let index = key.intValue else {
                parts.append(key.stringValue)
                continue
            }
            if parts.last == Scenario.CodingKeys.turns.stringValue { parts.removeLast() }
            parts.append("\(parts.isEmpty ? "scenario" : parts.count == 1 ? "turn" : "item") \(index + 1)")
        }
        return parts.isEmpty ? "the file" : parts.joined(separator: ", ")
    }

    private static func explain(_ error: any Error) -> String {
        switch error {
        case DecodingError.keyNotFound(let key, _): "a scenario has no \"\(key.stringValue)\""
        case DecodingError.dataCorrupted(let context)
        where context.codingPath.last?.stringValue == Scenario.Turn.CodingKeys.taskType.stringValue:
            "\(Self.place(context)) is not one of "
                + Scenario.TaskType.allCases.map(\.rawValue).joined(separator: ", ")
        case DecodingError.typeMismatch(_, let context), DecodingError.valueNotFound(_, let context):
            "\(Self.place(context)) is of another type"
        case DecodingError.dataCorrupted(let context): context.debugDescription
        default: "\(error)"
        }
    }
}
