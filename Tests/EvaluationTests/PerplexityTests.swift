import Evaluation
import Tokenizers
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

    @Test func likelihoodsAgreeWithTransformers() throws {
        let texts = try JSONDecoder().decode(Reference.self, from: Data(contentsOf: Fixtures.url("default-model.json")))
            .texts
        let model = try DecoderModel(contentsOf: Fixtures.defaultModel, precision: .float32)
        let session = try InferenceSession(model)
        var found = Likelihood()
        for text in texts {
            let likelihood = try Likelihood.of(model.tokenizer.encode(text.text), in: session)
            #expect(likelihood.tokens == text.tokens)
            found += likelihood
        }
        let expected = texts.reduce(0) { $0 + $1.nll } / Double(texts.reduce(0) { $0 + $1.tokens })
        #expect(abs(found.nllPerToken - expected) < 1e-4)
    }

    /// Perplexity in 8-bit arithmetic is within 1% of float32's, which is transformers'. Rounding moves the likelihood
    /// of a token by about 0.1 at random and raises the mean by 0.004, so it takes some thousand tokens to tell.
    @Test func integersKeepLikelihoods() throws {
        let pools = try FileManager.default.contentsOfDirectory(
            at: Fixtures.root.appending(path: "data/train"), includingPropertiesForKeys: nil)
        let texts = try pools.map(\.path).sorted().map { path in
            try JSONDecoder().decode([String].self, from: Data(contentsOf: URL(fileURLWithPath: path)))[..<8]
                .joined(separator: "\n\n")
        }
        func likelihood(_ precision: DecoderModel.Precision) throws -> Likelihood {
            let model = try DecoderModel(contentsOf: Fixtures.defaultModel, precision: precision)
            let session = try InferenceSession(model)
            return try texts.reduce(into: Likelihood()) {
                $0 += try Likelihood.of(model.tokenizer.encode($1), in: session)
            }
        }
        let (integers, floats) = (try likelihood(.int8), try likelihood(.float32))
        #expect(floats.tokens > 3000)
        #expect(abs(exp(integers.nllPerToken - floats.nllPerToken) - 1) < 0.01)
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
                    EvaluationText(text: "one", scenario: "s", group: "g"), EvaluationText(text: "two", line: 3),
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
