import Basics
import DomainBasis

/// Scores a prediction against the expected answer, with no model as judge.
public enum AnswerScoring {
    /// 1 for a right answer, 0 for a wrong one, the found share of keywords in between; the best over a turn's
    /// right answers.
    public static func score(prediction: String, turn: Scenario.Turn) -> Double {
        switch turn.taskType {
        case .multipleChoice:
            let options = options(of: turn.prompt)
            guard let letter = chosenOption(in: prediction, options: options) else { return 0 }
            return turn.rightAnswers.contains(String(letter)) ? 1 : 0
        case .factual, .code, .reasoning:
            return turn.rightAnswers.reduce(0) { max($0, keywordOverlap(prediction: prediction, answer: $1)) }
        }
    }

    /// The share of the answer's keywords that the prediction contains.
    public static func keywordOverlap(prediction: String, answer: String) -> Double {
        let expected = keywords(of: answer)
        guard !expected.isEmpty else { return 0 }
        let found = Set(words(of: prediction))
        return Double(expected.count { found.contains($0) }) / Double(expected.count)
    }

    /// The distinct words of `text` without stopwords; all words where there are only stopwords.
    static func keywords(of text: String) -> Set<String> {
        let words = Set(words(of: text))
        let kept = words.subtracting(stopwords)
        return kept.isEmpty ? words : kept
    }

    /// As ``words(of:)`` finds them: of "it's" there is "it" and "s".
    private static let stopwords = Set(TextNormalization.stopwords.flatMap(words(of:)))

    /// Runs of letters and digits in lower case. To a number belong a minus that follows no letter or digit, a point
    /// between digits, and commas that stand before three digits, which are dropped.
    static func words(of text: String) -> [String] {
        var words: [String] = []
        var word = ""
        let characters = Array(text.lowercased())
        func isDigit(_ index: Int) -> Bool { characters.indices.contains(index) && characters[index].isNumber }
        func isWord(_ index: Int) -> Bool {
            characters.indices.contains(index) && (characters[index].isLetter || characters[index].isNumber)
        }
        for (index, character) in characters.enumerated() {
            if isWord(index) {
                word.append(character)
            } else if character == "." && isDigit(index - 1) && isDigit(index + 1)
                || (character == "-" || character == "\u{2212}") && isDigit(index + 1) && !isWord(index - 1)
            {
                word.append(character == "." ? "." : "-")
            } else if character == ",", isDigit(index - 1), (1...3).allSatisfy({ isDigit(index + $0) }),
                !isDigit(index + 4)
            {
                continue
            } else if !word.isEmpty {
                words.append(word)
                word = ""
            }
        }
        if !word.isEmpty { words.append(word) }
        return words
    }

    /// The options of a multiple-choice prompt: its lines `A. text`, `B. text` and so on.
    ///
    /// A question may itself have such lines (`I. ...`, `A. Smith wrote`): a line out of the order of letters is no
    /// option, and a later `A` starts the list anew.
    public static func options(of prompt: String) -> [(letter: Character, text: String)] {
        optionLines(of: prompt).map { ($0.letter, $0.text) }
    }

    /// A multiple-choice prompt without its options.
    static func stem(of prompt: String) -> String {
        let options = Set(optionLines(of: prompt).map(\.line))
        return lines(of: prompt).enumerated().filter { !options.contains($0.offset) }.map(\.element)
            .joined(separator: "\n").trimmed
    }

    private static func lines(of prompt: String) -> [Substring] {
        prompt.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline)
    }

    private static func optionLines(of prompt: String) -> [(line: Int, letter: Character, text: String)] {
        var options: [(line: Int, letter: Character, text: String)] = []
        for (index, line) in lines(of: prompt).enumerated() {
            let line = line.trimmed
            guard let letter = line.first, let mark = line.dropFirst().first, mark == "." || mark == ")" else {
                continue
            }
            let text = line.dropFirst(2).trimmed
            guard !text.isEmpty else { continue }
            if letter == "A" { options = [] }
            if letter == Self.letter(options.count) { options.append((index, letter, text)) }
        }
        return options
    }

    /// The letter of an option: 0 is A. Past Z there is none.
    static func letter(_ index: Int) -> Character? {
        (0..<26).contains(index) ? Character(UnicodeScalar(UInt8(ascii: "A") + UInt8(index))) : nil
    }

    /// Characters of a prediction in which an option is looked for: expressions take time in the square of them.
    private static let mostRead = 2000

    /// The option letter that a prediction settles on, or nil.
    ///
    /// In this order: a letter alone; a letter at the start followed by a mark; "answer is X"; a letter in
    /// parentheses or followed by a mark; the text of exactly one option.
    public static func chosenOption(in prediction: String, options: [(letter: Character, text: String)]) -> Character? {
        // A model may write anything: what settles on an option does so early.
        let text = String(prediction.trimmed.prefix(mostRead))
        let letters = Set(options.map(\.letter))
        func valid(_ candidate: Substring?) -> Character? {
            candidate?.last.flatMap { letter in letters.contains(letter) ? letter : nil }
        }
        if text.count == 1, let letter = valid(text[...]) { return letter }
        if let match = text.firstMatch(of: /^[*("\s]*([A-Z])(?:[*]*[.):,\n]|[*]*$)/), let letter = valid(match.1) {
            return letter
        }
        // "The answer I like is option B": the first that is an option.
        let said = text.matches(of: /(?i:answer|option|choice)(?i:\s+is)?\s*:?\s*[*("]*([A-Z])\b/).lazy
        if let letter = said.compactMap({ valid($0.1) }).first { return letter }
        let marked = text.matches(of: /\(([A-Z])\)|\b([A-Z])[.):]/).lazy
        if let letter = marked.compactMap({ valid($0.1 ?? $0.2) }).first { return letter }
        let lower = text.lowercased()
        let named = options.filter { lower.contains($0.text.lowercased()) }
        return named.count == 1 ? named[0].letter : nil
    }
}
