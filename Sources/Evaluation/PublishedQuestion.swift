import Basics

/// One question of a published benchmark.
struct PublishedQuestion: Equatable {
    enum Answer: Equatable {
        /// The index of the right one of `options`.
        case option(Int, of: [String])
        /// Texts that are all right.
        case texts([String])
    }

    /// Unique in its benchmark; nil where the source has none.
    var id: String?
    let question: String
    /// What the question is about, where the source says so.
    var topic: String?
    let answer: Answer

    /// Why a record is no question.
    struct Malformed: Error {
        let detail: String
    }

    /// - Throws: ``Malformed`` where there is no question, fewer than 2 or more than 26 options, an option without
    ///   visible text, or no right answer.
    init(id: String?, question: String, topic: String?, answer: Answer) throws(Malformed) {
        self.id = id.flatMap { $0.isEmpty ? nil : $0 }
        self.topic = topic.map(Self.oneLine).flatMap { $0.isEmpty ? nil : $0 }
        self.question = question.replacing("\r\n", with: "\n").trimmed
        guard !self.question.isEmpty else { throw Malformed(detail: "has an empty question") }
        switch answer {
        case .option(let right, let options):
            guard (2...26).contains(options.count) else {
                throw Malformed(detail: "has \(options.count) options, expected 2 to 26")
            }
            // An option is one line of the prompt.
            let options = options.map(Self.oneLine)
            if let empty = options.firstIndex(where: {
                $0.trimmed(of: \.properties.isDefaultIgnorableCodePoint).isEmpty
            }) {
                throw Malformed(detail: "has an empty option, number \(empty + 1)")
            }
            self.answer = .option(right, of: options)
        case .texts(let texts):
            let texts = texts.map(Self.oneLine).filter { !AnswerScoring.words(of: $0).isEmpty }
            guard !texts.isEmpty else { throw Malformed(detail: "has no answer") }
            self.answer = .texts(texts)
        }
    }

    private static func oneLine(_ text: String) -> String {
        text.split(whereSeparator: \.isWhitespace).joined(separator: " ")
    }

    /// The question as a turn of a scenario.
    var turn: Scenario.Turn {
        switch answer {
        case .option(let right, let options):
            let lines = options.enumerated().map { "\(AnswerScoring.letter($0)!). \($1)" }
            return Scenario.Turn(
                prompt: ([question] + lines).joined(separator: "\n"), answer: String(AnswerScoring.letter(right)!),
                taskType: .multipleChoice)
        case .texts(let texts):
            return Scenario.Turn(
                prompt: question, answer: texts[0], taskType: .factual,
                otherAnswers: texts.count > 1 ? Array(texts.dropFirst()) : nil)
        }
    }
}

extension PublishedQuestion {
    /// A line of CommonsenseQA or ARC: `{"id", "question", "choices": {"label", "text"}, "answerKey"}`, or the older
    /// form `{"id", "question": {"stem", "choices": [{"label", "text"}]}, "answerKey"}`.
    init(multipleChoice line: Data) throws(Malformed) {
        let record = try Self.decode(ChoiceLine.self, line)
        let choices = record.choices
        guard let key = record.answerKey, !key.isEmpty else {
            throw Malformed(detail: "has no \"answerKey\" (test splits are published without answers)")
        }
        guard Set(choices.map(\.label)).count == choices.count else {
            throw Malformed(detail: "repeats an option's label")
        }
        guard let right = choices.firstIndex(where: { $0.label == key }) else {
            throw Malformed(detail: "has answerKey \"\(key)\", the options are \(choices.map(\.label))")
        }
        try self.init(
            id: record.id, question: record.stem, topic: record.concept, answer: .option(right, of: choices.map(\.text))
        )
    }

    /// A line of NQ-Open: `{"question", "answer": [...]}`.
    init(open line: Data) throws(Malformed) {
        let record = try Self.decode(OpenLine.self, line)
        try self.init(id: nil, question: record.question, topic: nil, answer: .texts(record.answer))
    }

    /// A record of MMLU: question, options A to D, the right letter.
    init(record fields: [String]) throws(Malformed) {
        guard fields.count == 6 else {
            throw Malformed(detail: "has \(fields.count) fields, expected 6: question, A, B, C, D, answer")
        }
        let letter = fields[5].trimmed
        guard let right = ["A", "B", "C", "D"].firstIndex(of: letter) else {
            throw Malformed(detail: "has answer \"\(letter)\", expected A, B, C or D")
        }
        try self.init(id: nil, question: fields[0], topic: nil, answer: .option(right, of: Array(fields[1...4])))
    }

    private static func decode<Line: Decodable>(_ type: Line.Type, _ line: Data) throws(Malformed) -> Line {
        do {
            return try JSONDecoder().decode(type, from: line)
        } catch DecodingError.keyNotFound(let key, _) {
            throw Malformed(detail: "has no \"\(key.stringValue)\"")
        } catch DecodingError.typeMismatch(_, let context), DecodingError.valueNotFound(_, let context) {
            let path = context.codingPath.map(\.stringValue).joined(separator: ".")
            throw Malformed(detail: path.isEmpty ? "is not a JSON object" : "has another \"\(path)\" than expected")
        } catch let error as Malformed {
            throw error
        } catch {
            throw Malformed(detail: "is not JSON")
        }
    }

    private struct OpenLine: Decodable {
        let question: String
        let answer: [String]
    }

    private struct ChoiceLine: Decodable {
        struct Choice: Decodable {
            let label: String
            let text: String
        }

        private struct Columns: Decodable {
            let label: [String]
            let text: [String]
        }

        let id: String?
        let stem: String
        let concept: String?
        let choices: [Choice]
        let answerKey: String?

        private enum Keys: String, CodingKey {
            case id, question, choices, answerKey, stem
            case concept = "question_concept"
        }

        init(from decoder: any Decoder) throws {
            let line = try decoder.container(keyedBy: Keys.self)
            id = try line.decodeIfPresent(String.self, forKey: .id)
            answerKey = try line.decodeIfPresent(String.self, forKey: .answerKey)
            if let question = try? line.nestedContainer(keyedBy: Keys.self, forKey: .question) {
                stem = try question.decode(String.self, forKey: .stem)
                concept = try question.decodeIfPresent(String.self, forKey: .concept)
                choices = try question.decode([Choice].self, forKey: .choices)
            } else {
                stem = try line.decode(String.self, forKey: .question)
                concept = try line.decodeIfPresent(String.self, forKey: .concept)
                let columns = try line.decode(Columns.self, forKey: .choices)
                guard columns.label.count == columns.text.count else {
                    throw Malformed(detail: "has \(columns.label.count) labels for \(columns.text.count) options")
                }
                choices = zip(columns.label, columns.text).map { Choice(label: $0, text: $1) }
            }
        }
    }
}
