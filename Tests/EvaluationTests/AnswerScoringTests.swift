import Evaluation
import Testing

@Suite struct AnswerScoringTests {
    private let question = "Which gas do plants take in?\nA. oxygen\nB. carbon dioxide\nC. nitrogen\nD. helium"

    @Test(arguments: [
        ("B", "B"), ("B.", "B"), ("b", nil), ("B. carbon dioxide", "B"), ("(B)", "B"), ("**B**", "B"),
        ("**B.** carbon", "B"),
        ("The answer is C.", "C"), ("Answer: D", "D"), ("The right option is **A**.", "A"),
        ("I think (D) fits best.", "D"),
        ("A plant takes in carbon dioxide.", "B"), ("A) oxygen", "A"), ("It is C. nitrogen", "C"), ("E", nil),
        ("", nil),
        ("A plant needs light.", nil), ("oxygen or nitrogen", nil), ("  B\n", "B"),
        ("B, because of photosynthesis", "B"), ("The answer I like is option B", "B"),
        ("In the U.S. it is (B)", "B"),
    ])
    func theSettledOptionIsFound(prediction: String, expected: String?) {
        let chosen = AnswerScoring.chosenOption(in: prediction, options: AnswerScoring.options(of: question))
        #expect(chosen.map(String.init) == expected)
    }

    @Test func multipleChoiceIsRightOrWrong() {
        let turn = Scenario.Turn(prompt: question, answer: "B", taskType: .multipleChoice)
        #expect(AnswerScoring.score(prediction: "B. carbon dioxide", turn: turn) == 1)
        let two = Scenario.Turn(prompt: question, answer: "B", taskType: .multipleChoice, otherAnswers: ["A"])
        #expect(AnswerScoring.score(prediction: "A. oxygen", turn: two) == 1)
        #expect(AnswerScoring.score(prediction: "C", turn: two) == 0)
        // Contractions are stopwords, whatever they are cut into.
        #expect(AnswerScoring.keywordOverlap(prediction: "gravity", answer: "It's gravity") == 1)
        #expect(AnswerScoring.score(prediction: "A", turn: turn) == 0)
        #expect(AnswerScoring.score(prediction: "no idea", turn: turn) == 0)
    }

    @Test(arguments: [
        ("The salt is sodium chloride.", "sodium chloride", 1.0), ("It contains sodium.", "sodium chloride", 0.5),
        ("SODIUM, chloride!", "sodium chloride", 1), ("sodiumchloride", "sodium chloride", 0),
        ("It is 1,250 euros", "1250", 1), ("1,234,567", "1234567", 1), ("1,2,3", "1, 2, 3", 1), ("1,2345", "12345", 0),
        ("x = -5", "-5", 1), ("x = 5", "-5", 0), ("from 3-5", "5", 1), ("\u{2212}5 degrees", "-5", 1),
        ("x = 3.5", "3.5", 1), ("x = 35", "3.5", 0), ("The cat and the hat", "the hat", 1), ("", "water", 0),
        ("To be or not to be", "to be", 1),
    ])
    func keywordsAreCounted(prediction: String, answer: String, expected: Double) {
        #expect(AnswerScoring.keywordOverlap(prediction: prediction, answer: answer) == expected)
    }

    @Test func optionsAreTheLinesOfAPrompt() {
        #expect(AnswerScoring.options(of: question).map(\.letter) == ["A", "B", "C", "D"])
        #expect(AnswerScoring.options(of: "A plain question\nwith lines").isEmpty)
    }

    @Test(arguments: ["\r\n", "\r", "\u{2028}"])
    func linesMayEndAsOnOtherSystems(lineBreak: String) {
        let prompt = question.split(separator: "\n").joined(separator: lineBreak)
        #expect(AnswerScoring.options(of: prompt).map(\.text) == ["oxygen", "carbon dioxide", "nitrogen", "helium"])
    }

    @Test func linesOfTheQuestionAreNoOptions() {
        let prompt = "A. Smith wrote two claims.\nI. Ice floats.\nB. Lead floats?\nA. both\nB. I alone\nC. neither"
        #expect(AnswerScoring.options(of: prompt).map(\.text) == ["both", "I alone", "neither"])
    }

    @Test func theBestOfSeveralRightAnswersCounts() {
        let turn = Scenario.Turn(
            prompt: "Who wrote it?", answer: "Ada Quill", taskType: .factual, otherAnswers: ["A. Q. Quill", "the poet"])
        #expect(AnswerScoring.score(prediction: "Ada Quill did.", turn: turn) == 1)
        #expect(AnswerScoring.score(prediction: "The poet.", turn: turn) == 1)
        #expect(AnswerScoring.score(prediction: "Quill", turn: turn) == 0.5)
        #expect(AnswerScoring.score(prediction: "nobody", turn: turn) == 0)
    }
}
