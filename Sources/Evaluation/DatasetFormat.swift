import Basics

/// The published benchmarks whose files can be imported.
public enum DatasetFormat: String, Sendable, CaseIterable, Codable {
    /// CommonsenseQA (Talmor et al., 2019), JSON lines.
    case commonsenseQA = "commonsenseqa"
    /// The open version of Natural Questions (Lee et al., 2019), JSON lines.
    case naturalQuestions = "nq-open"
    /// The AI2 Reasoning Challenge (Clark et al., 2018), JSON lines.
    case arc
    /// Massive Multitask Language Understanding (Hendrycks et al., 2021), comma-separated values, a file a subject.
    case mmlu

    /// The folder of `data/test/` that holds its scenarios.
    public var datasetName: String {
        switch self {
        case .commonsenseQA: "commonsenseqa"
        case .naturalQuestions: "natural_questions"
        case .arc: "arc"
        case .mmlu: "mmlu"
        }
    }

    /// What the questions are about, for a source that does not say.
    ///
    /// - Parameter subject: the concept of a question or the subject of a file.
    func description(subject: String?) -> String {
        switch self {
        case .commonsenseQA:
            "Common-sense questions about everyday things, places and people" + (subject.map { ": \($0)" } ?? "")
        case .naturalQuestions: "Short questions about facts, as people ask them of a search engine"
        case .arc: "Science questions of school tests for pupils of eight to fourteen years"
        case .mmlu: "Exam questions" + (subject.map { " in \($0)" } ?? " of many subjects")
        }
    }

    private static func fieldsOfFirstRecord(of data: Data) -> Int? {
        var count: Int?
        try? CommaSeparatedValues.forEachRecord(of: data) { record in
            count = record.fields.count
            return false
        }
        return count
    }

    /// The format of a file, by its first line; nil where that is none of them.
    init?(detectedIn data: Data, fileExtension: String) {
        let text = data.drop { [0x09, 0x0a, 0x0d, 0x20].contains($0) }
        guard text.first == UInt8(ascii: "{") else {
            let isTable = fileExtension.lowercased() == "csv" && !text.isEmpty
            guard isTable || Self.fieldsOfFirstRecord(of: data) == 6 else { return nil }
            self = .mmlu
            return
        }
        let line = text.prefix { $0 != UInt8(ascii: "\n") }
        struct Question: Decodable {
            let concept: String?
            enum CodingKeys: String, CodingKey {
                case concept = "question_concept"
            }
        }
        struct Line: Decodable {
            let answer: [String]?
            let answerKey: String?
            let concept: String?
            let question: Question?

            enum CodingKeys: String, CodingKey {
                case answer, answerKey, question
                case concept = "question_concept"
            }

            init(from decoder: any Decoder) throws {
                let line = try decoder.container(keyedBy: CodingKeys.self)
                answer = try? line.decode([String].self, forKey: .answer)
                answerKey = try? line.decode(String.self, forKey: .answerKey)
                concept = try? line.decode(String.self, forKey: .concept)
                question = try? line.decode(Question.self, forKey: .question)
            }
        }
        guard let first = try? JSONDecoder().decode(Line.self, from: Data(line)) else { return nil }
        if first.answer != nil {
            self = .naturalQuestions
        } else if first.concept != nil || first.question?.concept != nil {
            self = .commonsenseQA
        } else if first.answerKey != nil {
            self = .arc
        } else {
            return nil
        }
    }
}
