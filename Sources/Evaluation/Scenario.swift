import Foundation

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

        public init(prompt: String, answer: String, taskType: TaskType) {
            self.prompt = prompt
            self.answer = answer
            self.taskType = taskType
        }

        enum CodingKeys: String, CodingKey {
            case prompt, answer
            case taskType = "task_type"
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

/// A category of scenarios: the files of one folder.
public struct ScenarioSet: Sendable {
    public let name: String
    /// In the order of file names, then of the files.
    public let scenarios: [Scenario]

    public init(name: String, scenarios: [Scenario]) {
        self.name = name
        self.scenarios = scenarios
    }

    /// Reads every `.json` file of `<directory>/<name>`, each a list of scenarios.
    public init(_ name: String, in directory: URL) throws(EvaluationError) {
        let folder = directory.appending(path: name)
        let files = (try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []
        var scenarios: [Scenario] = []
        var seen: Set<String> = []
        for file in files.filter({ $0.hasSuffix(".json") }).sorted() {
            let url = folder.appending(path: file)
            guard let data = FileManager.default.contents(atPath: url.path) else {
                throw .malformed(file: url.path, detail: "cannot be read")
            }
            let list: [Scenario]
            do {
                list = try JSONDecoder().decode([Scenario].self, from: data)
            } catch {
                throw .malformed(file: url.path, detail: "is not a list of scenarios: \(Self.explain(error))")
            }
            for scenario in list {
                guard !scenario.turns.isEmpty else {
                    throw .malformed(file: url.path, detail: "has scenario \(scenario.id) without turns")
                }
                guard seen.insert(scenario.id).inserted else {
                    throw .malformed(file: url.path, detail: "repeats the scenario id \(scenario.id)")
                }
            }
            scenarios += list
        }
        guard !scenarios.isEmpty else {
            throw .unknownDataset(name, directory: directory.path, known: Self.names(in: directory))
        }
        self.init(name: name, scenarios: scenarios)
    }

    /// The categories in `directory`: its folders that hold `.json` files.
    public static func names(in directory: URL) -> [String] {
        let files = FileManager.default
        let entries = (try? files.contentsOfDirectory(atPath: directory.path)) ?? []
        return entries.filter { entry in
            let inside = (try? files.contentsOfDirectory(atPath: directory.appending(path: entry).path)) ?? []
            return inside.contains { $0.hasSuffix(".json") }
        }.sorted()
    }

    private static func explain(_ error: any Error) -> String {
        switch error {
        case DecodingError.keyNotFound(let key, _): "a scenario has no \"\(key.stringValue)\""
        case DecodingError.dataCorrupted(let context), DecodingError.typeMismatch(_, let context),
            DecodingError.valueNotFound(_, let context):
            context.debugDescription
        default: "\(error)"
        }
    }
}
