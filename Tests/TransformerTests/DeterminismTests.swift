import TestSupport
import Testing
import Tokenizers
import Transformer

@Suite struct DeterminismTests {
    @Test(arguments: DecoderModel.Precision.allCases)
    func threadsAndBatchesDoNotChangeLogits(precision: DecoderModel.Precision) throws {
        let text = "The treaty was signed in the spring, and the armies went home before the harvest began."
        var results: [[Float]] = []
        for threads in [1, 2, 5] {
            let model = try DecoderModel(contentsOf: Fixtures.defaultModel, precision: precision, threads: threads)
            let ids = model.tokenizer.encode(text)
            let pathway = Pathway(
                keptHeads: Array(repeating: [1, 3, 4, 7], count: 30),
                keptBlocks: Array(repeating: [0, 1, 5, 30, 31, 60, 94], count: 30))
            results.append(try InferenceSession(model, along: pathway).logits(after: ids))
            if threads == 2 {
                let session = try InferenceSession(model, along: pathway)
                var last: [Float] = []
                for id in ids { last = try session.logits(after: [id]) }
                results.append(last)
            }
        }
        #expect(results.allSatisfy { $0 == results[0] })
    }

    @Test func sampledTextRepeatsWithItsSeed() throws {
        let model = try DecoderModel(contentsOf: Fixtures.defaultModel)
        let prompt = model.tokenizer.encode("Once upon a time")
        func text(_ seed: UInt64) throws -> String {
            let sampling = SamplingParameters(temperature: 1, topK: 50, topP: 0.95, seed: seed)
            return try InferenceSession(model).generate(
                after: prompt, options: GenerationOptions(maxNewTokens: 12, sampling: sampling)
            ).text
        }
        #expect(try text(1) == text(1))
        #expect(try text(1) != text(2))
    }
}
