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

    /// Predictions in 8-bit arithmetic are near those of float32, which are transformers', and so is perplexity.
    /// Rounding moves the likelihood of a token by about 0.1 at random, so it takes some thousand tokens to tell that
    /// the mean is within 1%. Their divergence is 0.0055.
    @Test func integersKeepPredictions() throws {
        let pools = try FileManager.default.contentsOfDirectory(
            at: Fixtures.root.appending(path: "data/train"), includingPropertiesForKeys: nil)
        let texts = try pools.map(\.path).sorted().map { path in
            try JSONDecoder().decode([String].self, from: Data(contentsOf: URL(fileURLWithPath: path)))[..<8]
                .joined(separator: "\n\n")
        }
        func session(_ precision: DecoderModel.Precision) throws -> InferenceSession {
            try InferenceSession(try DecoderModel(contentsOf: Fixtures.defaultModel, precision: precision))
        }
        let (integers, floats) = (try session(.int8), try session(.float32))
        var (found, divergence) = (Likelihood(), PredictionDivergence())
        for ids in texts.map(integers.model.tokenizer.encode) {
            let ofText = try PredictionDivergence.of(ids, in: integers, from: floats)
            found += ofText.likelihood
            divergence += ofText.divergence
        }
        #expect(found.tokens > 3000)
        #expect(abs(exp(found.nllPerToken - divergence.reference.nllPerToken) - 1) < 0.01)
        #expect(divergence.perToken < 0.009)
        #expect(divergence.sameLikeliest > 0.93)
    }

    /// The divergence by its definition, in double precision over all logits; the likelihood as without it. The text is
    /// longer than what is compared at once.
    @Test func divergenceAgreesWithItsDefinition() throws {
        let floats = try Fixtures.tinyModel("llama-tiny")
        let session = try InferenceSession(try Fixtures.tinyModel("llama-tiny", precision: .int8))
        let reference = try InferenceSession(floats)
        let ids = (0..<75).map { ($0 * 37 + 5) % floats.configuration.vocabularySize }
        func distributions(_ session: InferenceSession) throws -> [[Double]] {
            var result: [[Double]] = []
            session.reset()
            try session.forEachLogits(after: Array(ids.dropLast())) { _, logits in
                let row = logits.map { exp(Double($0)) }
                let sum = row.reduce(0, +)
                result.append(row.map { $0 / sum })
            }
            return result
        }
        let pairs = zip(try distributions(session), try distributions(reference))
        let expected = pairs.reduce(0.0) { total, pair in
            total + zip(pair.0, pair.1).reduce(0) { $0 + $1.1 * log($1.1 / $1.0) }
        }
        let agreements = pairs.count { $0.firstIndex(of: $0.max()!) == $1.firstIndex(of: $1.max()!) }
        let found = try PredictionDivergence.of(ids, in: session, from: reference)
        #expect(found.divergence.tokens == ids.count - 1)
        #expect(found.divergence.perToken > 0)
        #expect(abs(found.divergence.perToken * Double(ids.count - 1) - expected) < 1e-3 * expected)
        #expect(found.divergence.sameLikeliest == Double(agreements) / Double(ids.count - 1))
        let alone = try Likelihood.of(ids, in: session)
        #expect(abs(found.likelihood.nll - alone.nll) < 1e-5 * alone.nll)
        let ofReference = try Likelihood.of(ids, in: reference)
        #expect(abs(found.divergence.reference.nll - ofReference.nll) < 1e-5 * ofReference.nll)
        let same = try PredictionDivergence.of(ids, in: reference, from: try InferenceSession(floats)).divergence
        #expect(same.perToken == 0)
        #expect(same.sameLikeliest == 1)
    }

    @Test func aTextOfOneTokenPredictsNothing() throws {
        let session = try InferenceSession(try Fixtures.tinyModel("llama-tiny"))
        #expect(try Likelihood.of([5], in: session).tokens == 0)
        #expect(try Likelihood.of([], in: session).nllPerToken == 0)
        let reference = try InferenceSession(session.model)
        for ids in [[], [5]] {
            let found = try PredictionDivergence.of(ids, in: session, from: reference)
            #expect(found.likelihood.tokens == 0)
            #expect(found.divergence == PredictionDivergence())
        }
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
