import Evaluation
import Foundation
import TestSupport
import Testing
import Transformer

@Suite struct PerplexityTests {
    private struct Reference: Decodable {
        struct Text: Decodable {
            let text: String
            let tokens: Int
            let nll: Double
        }
        let texts: [Text]
    }

    /// transformers in float32 on the same weights: equal to rounding in float32, within 1% in 8-bit arithmetic.
    @Test(arguments: [(DecoderModel.Precision.float32, 1e-4), (.int8, 0.01)])
    func likelihoodsAgreeWithTransformers(precision: DecoderModel.Precision, tolerance: Double) throws {
        let texts = try JSONDecoder().decode(Reference.self, from: Data(contentsOf: Fixtures.url("default-model.json")))
            .texts
        let model = try DecoderModel(contentsOf: Fixtures.defaultModel, precision: precision)
        let session = try InferenceSession(model)
        var found = Likelihood()
        for text in texts {
            let likelihood = try Likelihood.of(model.tokenizer.encode(text.text), in: session)
            #expect(likelihood.tokens == text.tokens)
            found += likelihood
        }
        let expected = texts.reduce(0) { $0 + $1.nll } / Double(texts.reduce(0) { $0 + $1.tokens })
        #expect(abs(exp(found.nllPerToken) / exp(expected) - 1) < tolerance)
    }

    @Test func aTextOfOneTokenPredictsNothing() throws {
        let session = try InferenceSession(try Fixtures.tinyModel("llama-tiny"))
        #expect(try Likelihood.of([5], in: session).tokens == 0)
        #expect(try Likelihood.of([], in: session).nllPerToken == 0)
    }

    @Test func badLinesAreNamed() throws {
        try Fixtures.withTemporaryDirectory { folder in
            let url = folder.appending(path: "texts.jsonl")
            func write(_ text: String) throws { try Data(text.utf8).write(to: url) }
            try write(#"{"text": "one", "scenario": "s", "group": "g"}"# + "\n\n" + #"{"text": "two"}"# + "\n")
            #expect(
                try EvaluationText.read(url) == [
                    EvaluationText(text: "one", scenario: "s", group: "g"), EvaluationText(text: "two"),
                ])
            try write(#"{"text": "one"}"# + "\n" + #"{"txt": 2}"#)
            #expect(
                throws: EvaluationError.unusableText(
                    file: url.path, line: 2, detail: "is not a JSON object with a string \"text\"")
            ) { try EvaluationText.read(url) }
            try write("")
            #expect(throws: EvaluationError.self) { try EvaluationText.read(url) }
            #expect(throws: EvaluationError.self) { try EvaluationText.read(folder.appending(path: "none")) }
        }
    }
}
