import Basics
import ScenarioPruning
import Testing

@Suite struct RecallTextsTests {
    private let questions = [
        "Which acid is in vinegar? Acetic acid", "A base accepts: protons.", "Salt melts ice.",
        "What does pH measure? Acidity", "Which gas do plants take up? Carbon dioxide",
        "The ratio is 3:1 in what? Ammonia",
    ]

    @Test func everyOtherQuestionListsItsAnswerAmongOthers() {
        var generator = SplitMix64(seed: 3)
        let texts = RecallTexts.make(of: questions, using: &generator)
        #expect(texts.count == questions.count)
        for index in [0, 2, 4] { #expect(texts[index] == "\(questions[index])\n\(questions[index])") }
        let answers = ["Acetic acid", "protons.", "Carbon dioxide", "Acidity", "Ammonia"]
        for (index, stem) in [(1, "A base accepts:"), (3, "What does pH measure?"), (5, "The ratio is 3:1 in what?")] {
            let lines = texts[index].split(separator: "\n").map(String.init)
            #expect(lines.count == 6)
            #expect(lines[0] == stem)
            let options = lines[1...4].map { String($0.dropFirst(3)) }
            #expect(zip("ABCD", lines[1...4]).allSatisfy { $1.hasPrefix("\($0). ") })
            #expect(Set(options).count == 4 && Set(options).isSubset(of: answers))
            #expect(lines[1...4].contains(lines[5]))
            #expect(questions[index].hasSuffix(lines[5].dropFirst(3)))
        }
    }

    @Test func whatIsNoQuestionIsReadTwice() {
        var generator = SplitMix64(seed: 3)
        let long = "Which? " + String(repeating: "x", count: 200)
        let mark = "Ends with a mark?"
        for texts in [["a", "b"], Array(questions.prefix(3)), ["a", long], ["a", mark], [mark, "Why? "]] {
            let made = RecallTexts.make(of: texts, using: &generator)
            #expect(made == texts.map { "\($0)\n\($0)" })
        }
    }
}
