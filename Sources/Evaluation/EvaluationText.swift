import Basics

/// A text whose likelihood is measured.
public struct EvaluationText: Sendable, Equatable {
    public let text: String
    /// Compiles the pathway the text is read along.
    public let scenario: String?
    public let group: String?
    /// Where it stands in its file, from 1 on.
    public let line: Int

    public init(text: String, scenario: String? = nil, group: String? = nil, line: Int = 1) {
        self.text = text
        self.scenario = scenario
        self.group = group
        self.line = line
    }

    private struct Line: Decodable {
        let text: String
        let scenario: String?
        let group: String?
    }

    private static func explain(_ error: any Error) -> String {
        if case DecodingError.typeMismatch(_, let context) = error, let key = context.codingPath.last?.stringValue,
            key != "text"
        {
            return "its \"\(key)\" is not a string"
        }
        return "is not a JSON object with a string \"text\""
    }

    /// Reads a file of JSON lines `{"text", "scenario", "group"}`, the last two optional.
    public static func read(_ url: URL) throws(EvaluationError) -> [EvaluationText] {
        let data = try EvaluationError.contents(of: url, allowingPipes: true)
        var texts: [EvaluationText] = []
        for (number, line) in JSONLines.lines(of: data) {
            let decoded: Line
            do {
                decoded = try JSONDecoder().decode(Line.self, from: line)
            } catch {
                throw .unusableText(file: url.path, line: number, detail: Self.explain(error))
            }
            texts.append(
                EvaluationText(text: decoded.text, scenario: decoded.scenario, group: decoded.group, line: number))
        }
        guard !texts.isEmpty else { throw .malformed(file: url.path, detail: "holds no texts") }
        return texts
    }
}
