import Basics

/// Texts that say again what they have said before, made from questions and their answers.
///
/// In a conversation a model takes much of what it writes from what it has read: a name, a number, one of the options
/// of a multiple choice. The heads that do so (induction heads; Olsson et al., 2022) have little to do in a question
/// with its answer, and would be the first to go if importance were measured on these alone.
package enum RecallTexts {
    private static let letters = ["A", "B", "C", "D"]
    /// Answers that are offered as options are shorter than this, in characters.
    private static let longestOption = 90

    /// Each text in turn: one is read twice, the next is a multiple choice among answers of others and its right
    /// option. Texts that are no question with a short answer, or that too few others are, are read twice.
    package static func make(of texts: [String], using generator: inout SplitMix64) -> [String] {
        let questions = texts.map(split)
        let answers = questions.compactMap(\.?.answer)
        return texts.enumerated().map { index, text in
            let choice =
                index % 2 == 1
                ? questions[index].flatMap { multipleChoice($0, among: answers, using: &generator) } : nil
            return choice ?? "\(text)\n\(text)"
        }
    }

    /// A question with its answer among those of others, in any place, and that option again; nil where there are too
    /// few.
    private static func multipleChoice(
        _ question: (stem: String, answer: String), among answers: [String], using generator: inout SplitMix64
    ) -> String? {
        let others = Set(answers).subtracting([question.answer]).sorted().shuffled(using: &generator)
        var options = Array(others.prefix(letters.count - 1))
        guard options.count == letters.count - 1 else { return nil }
        let right = Int(generator.next() % UInt64(letters.count))
        options.insert(question.answer, at: right)
        let lines = zip(letters, options).map { "\($0). \($1)" }
        return ([question.stem] + lines + [lines[right]]).joined(separator: "\n")
    }

    /// A question and the answer that follows its last question mark or colon; nil where there is none, or a long one.
    private static func split(_ text: String) -> (stem: String, answer: String)? {
        var mark: String.Index?
        for index in text.indices where text[index] == "?" || text[index] == ":" {
            let next = text.index(after: index)
            if next < text.endIndex, text[next] == " " { mark = index }
        }
        guard let mark else { return nil }
        let answer = String(text[text.index(mark, offsetBy: 2)...])
        guard !answer.isEmpty, answer.count < longestOption, !answer.contains("\n") else { return nil }
        return (String(text[...mark]), answer)
    }
}
