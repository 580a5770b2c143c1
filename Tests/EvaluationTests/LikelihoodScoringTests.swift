import Evaluation
import Tokenizers
import Checkpoints
import Foundation
import TestSupport
import Testing
import Transformer

@Suite struct PromptReadingTests {
    private struct Reference: Decodable {
        struct Text: Decodable {
            let text: String
            let nll: Double
        }
        let texts: [Text]
    }

    /// A text's likelihood is its beginning's plus its end's given the beginning. transformers in float32 on the same
    /// weights: equal to rounding in float32.
    @Test func continuationsAgreeWithTransformers() throws {
        let texts = try JSONDecoder().decode(Reference.self, from: Data(contentsOf: Fixtures.url("default-model.json")))
            .texts
        let model = try DecoderModel(contentsOf: Fixtures.defaultModel, precision: .float32)
        let session = try InferenceSession(model)
        for text in texts.prefix(3) {
            let ids = model.tokenizer.encode(text.text)
            let cut = ids.count / 2
            let beginning = try Likelihood.of(Array(ids[..<cut]), in: session).nll
            let reading = try PromptReading(Array(ids[..<cut]), in: session)
            // Other continuations before it change nothing.
            _ = try reading.logLikelihood(of: Array(ids[..<cut]))
            _ = try reading.logLikelihood(of: [ids[0]])
            let end = -(try reading.logLikelihood(of: Array(ids[cut...])))
            #expect(abs(beginning + end - text.nll) < 1e-4 * text.nll)
            let answer = try AnswerPredictions(of: Array(ids[cut...]), after: reading)
            #expect(abs(try #require(answer.nllPerToken) * Double(ids.count - cut) - end) < 1e-4 * end)
        }
    }

    @Test func nothingIsCertain() throws {
        let model = try Fixtures.tinyModel("llama-tiny")
        let reading = try PromptReading([1, 2, 3], in: try InferenceSession(model))
        #expect(try reading.logLikelihood(of: []) == 0)
        let empty = try AnswerPredictions(of: [], after: reading)
        #expect(empty.nllPerToken == nil)
        #expect(empty.divergence(from: empty) == nil)
        #expect(throws: DecoderError.self) { try PromptReading([], in: try InferenceSession(model)) }
        let short = try PromptReading([1, 2, 3], in: try InferenceSession(model, contextLimit: 5))
        #expect(try short.logLikelihood(of: [4, 5, 6]) < 0)
        #expect(throws: DecoderError.self) { try short.logLikelihood(of: [4, 5, 6, 7]) }
    }

    @Test func longAnswersAreCutOff() throws {
        let model = try DecoderModel(contentsOf: Fixtures.defaultModel)
        let reading = try PromptReading([1], in: try InferenceSession(model))
        let long = Array(repeating: 2, count: AnswerPredictions.tokenLimit + 1)
        #expect(try AnswerPredictions(of: long, after: reading).tokens.count == AnswerPredictions.tokenLimit)
    }

    /// The divergence by its definition, in double precision over all logits.
    @Test func divergenceAgreesWithItsDefinition() throws {
        let model = try Fixtures.tinyModel("llama-tiny")
        let (layers, heads) = (model.configuration.layers, model.configuration.heads)
        let kept = (0..<layers).map { $0 == 0 ? Array(0..<heads) : [0] }
        let pruned = try InferenceSession(model, along: Pathway(keptHeads: kept))
        let dense = try InferenceSession(model)
        let (prompt, answer) = ([1, 5, 9], [4, 2, 7, 7])
        let p = try AnswerPredictions(of: answer, after: PromptReading(prompt, in: pruned))
        let q = try AnswerPredictions(of: answer, after: PromptReading(prompt, in: dense))

        func distributions(_ session: InferenceSession) throws -> [[Double]] {
            session.reset()
            let vocabulary = model.configuration.vocabularySize
            let logits = try session.allLogits(after: prompt + answer.dropLast()).map(Double.init)
            return (prompt.count - 1..<prompt.count - 1 + answer.count).map { position in
                let row = logits[position * vocabulary..<(position + 1) * vocabulary].map { exp($0) }
                let sum = row.reduce(0, +)
                return row.map { $0 / sum }
            }
        }
        let expected = zip(try distributions(pruned), try distributions(dense)).reduce(0.0) { total, pair in
            total + zip(pair.0, pair.1).reduce(0) { $0 + $1.1 * log($1.1 / $1.0) }
        }
        let found = try #require(p.divergence(from: q))
        #expect(found > 0)
        #expect(abs(found - expected / Double(answer.count)) < 1e-4 * found + 1e-6)
        #expect(q.divergence(from: q) == 0)
    }
}

@Suite struct OptionChoiceTests {
    private let turn = Scenario.Turn(
        prompt: "Which one floats?\nA. ice\nB. a block of lead", answer: "B", taskType: .multipleChoice)

    /// -6 for 3 bytes is less per byte than -14 for 15.
    @Test func textsLettersAndLengths() {
        let options = TurnLikelihood.Options(turn, texts: [-6, -14], letters: [-2, -1])
        #expect(!options.textIsRight)
        #expect(options.normalizedTextIsRight)
        #expect(options.letterIsRight)
    }

    @Test func anyRightOptionMayBeTheLikeliest() {
        let either = Scenario.Turn(
            prompt: turn.prompt + "\nC. cork", answer: "A", taskType: .multipleChoice, otherAnswers: ["C"])
        #expect(TurnLikelihood.Options(either, texts: [-9, -8, -6], letters: [-2, -3, -1]).letterIsRight)
        #expect(TurnLikelihood.Options(either, texts: [-9, -8, -6], letters: [-2, -3, -1]).textIsRight)
        #expect(!TurnLikelihood.Options(either, texts: [-9, -8, -6], letters: [-2, -1, -3]).letterIsRight)
    }

    @Test func theFirstOfEqualOptionsCounts() {
        #expect(!TurnLikelihood.Options(turn, texts: [-6, -6], letters: [-1, -1]).letterIsRight)
    }
}
