import Basics

/// Published benchmark files as scenarios: one for each question, so that questions are drawn and resampled one by one.
public struct DatasetImport: Sendable {
    public let format: DatasetFormat
    public private(set) var scenarios: [Scenario] = []

    /// - Parameters:
    ///   - format: nil to recognise it in the first file.
    ///   - description: what all questions are about; nil for what the source says.
    /// - Throws: ``EvaluationError`` with file and line for the first record that is no question, and for a file that
    ///   cannot be read, is of no known format or holds no questions.
    public init(_ files: [URL], format: DatasetFormat? = nil, description: String? = nil) throws(EvaluationError) {
        let named = format
        var format = format
        var ids: Set<String> = []
        for file in files {
            let data = try EvaluationError.contents(of: file, allowingPipes: true).withoutByteOrderMark
            let detected = named ?? DatasetFormat(detectedIn: data, fileExtension: file.pathExtension)
            if let first = format, let detected, detected != first {
                throw .malformed(
                    file: file.path,
                    detail: "is of \(detected.rawValue), those before it of \(first.rawValue); import them apart")
            }
            guard let known = format ?? detected else {
                throw .malformed(
                    file: file.path,
                    detail: "is of no known format; expected the published files of "
                        + DatasetFormat.allCases.map(\.rawValue).joined(separator: ", ")
                        + "; name the format by --format to see what is wrong")
            }
            format = known
            let stem = file.deletingPathExtension().lastPathComponent
            let subject = known == .mmlu ? Self.subject(ofFile: stem) : nil
            let questions = try Self.questions(in: data, of: file, known)
            guard !questions.isEmpty else { throw .malformed(file: file.path, detail: "holds no questions") }
            for (line, question) in questions {
                let id = question.id ?? "\(stem)-\(line)"
                guard ids.insert(id).inserted else {
                    throw .unusableText(file: file.path, line: line, detail: "repeats the id \(id)")
                }
                scenarios.append(
                    Scenario(
                        id: id,
                        topicDescription: description ?? known.description(subject: question.topic ?? subject),
                        turns: [question.turn]))
            }
        }
        guard let format else { throw .malformed(file: "the input", detail: "has no files") }
        self.format = format
    }

    /// Keeps `limit` questions drawn by `seed`, in their order.
    public mutating func sample(_ limit: Int, seed: UInt64) {
        guard limit < scenarios.count else { return }
        var generator = SplitMix64(seed: seed)
        scenarios = scenarios.indices.shuffled(using: &generator).prefix(limit).sorted().map { scenarios[$0] }
    }

    /// Writes the scenarios as a file of `data/test/<dataset>/`, whole or not at all; makes the folder.
    ///
    /// - Parameter replacing: whether a file that holds other scenarios may be written over, and another file of the
    ///   folder may hold some of the questions.
    /// - Throws: ``EvaluationError/otherScenarios(file:)`` and ``EvaluationError/questionsTwice(file:count:)`` where
    ///   they may not; `FileWriteError`.
    public func write(to url: URL, replacing: Bool = true) throws {
        if !replacing {
            if FileManager.default.isRegularFile(atPath: url.path) == true, Self.scenarios(in: url) != scenarios {
                throw EvaluationError.otherScenarios(file: url.relativePath)
            }
            for other in FileManager.default.jsonFiles(in: url.deletingLastPathComponent())
            where other.lastPathComponent != url.lastPathComponent {
                let questions = Set((Self.scenarios(in: other) ?? []).flatMap { $0.turns.map(\.prompt) })
                let count = scenarios.filter { $0.turns.contains { questions.contains($0.prompt) } }.count
                guard count == 0 else { throw EvaluationError.questionsTwice(file: other.relativePath, count: count) }
            }
        }
        try WholeFile.write(json: scenarios, to: url)
    }

    /// Those of a file that is there; nil where it holds anything else.
    private static func scenarios(in url: URL) -> [Scenario]? {
        try? JSONDecoder().decode([Scenario].self, from: InputFile.contents(of: url))
    }

    /// `college_biology_test` is about college biology.
    private static func subject(ofFile stem: String) -> String {
        var words = stem.split(separator: "_")
        if words.count > 1, let last = words.last, ["test", "val", "dev"].contains(last) { words.removeLast() }
        return words.joined(separator: " ")
    }

    private static func questions(
        in data: Data, of file: URL, _ format: DatasetFormat
    ) throws(EvaluationError) -> [(line: Int, question: PublishedQuestion)] {
        var line = 0
        do {
            if format == .mmlu {
                var questions: [(Int, PublishedQuestion)] = []
                let header = ["question", "a", "b", "c", "d", "answer"]
                try CommaSeparatedValues.forEachRecord(of: data) { record in
                    line = record.line
                    if line > 1 || record.fields.map({ $0.lowercased() }) != header {
                        questions.append((line, try PublishedQuestion(record: record.fields)))
                    }
                    return true
                }
                return questions
            }
            var questions: [(Int, PublishedQuestion)] = []
            for (number, json) in JSONLines.lines(of: data) {
                line = number
                let question =
                    try format == .naturalQuestions
                    ? PublishedQuestion(open: json) : PublishedQuestion(multipleChoice: json)
                questions.append((line, question))
            }
            return questions
        } catch let error as PublishedQuestion.Malformed {
            throw .unusableText(file: file.path, line: line, detail: error.detail)
        } catch let error as CommaSeparatedValues.Malformed {
            throw .unusableText(file: file.path, line: error.line, detail: error.detail)
        } catch {
            throw .unusableText(file: file.path, line: line, detail: "\(error)")
        }
    }
}
