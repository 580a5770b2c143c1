import Checkpoints
import TestSupport
import Testing
import Tokenizers
import Transformer

@Suite struct LogitTests {
    /// transformers in float32 on the same weights. Both sum in single precision in different orders.
    @Test(arguments: Fixtures.tinyModels)
    func tinyModelsAgreeWithTransformers(name: String) throws {
        let reference = try Fixtures.tensors("models/\(name).reference.safetensors")
        let model = try Fixtures.tinyModel(name)
        let logits = try InferenceSession(model).allLogits(after: try #require(reference["ids"]).integers)
        #expect(relativeError(logits, try #require(reference["logits"]).values) < 1e-4)
    }

    @Test(
        arguments: ["F32", "F16", "BF16", "Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q8_0", "Q4_K", "Q5_K", "Q6_K"],
        WorkerPool.instructionSets)
    func everyTensorTypeAgreesWithTransformers(type: String, instructionSet: String) throws {
        let reference = try Fixtures.tensors("types/\(type).reference.safetensors")
        let ids = try #require(reference["ids"]).integers
        let expected = try #require(reference["logits"]).values
        let url = Fixtures.url("types/\(type).gguf")
        let float = try DecoderModel(contentsOf: url, precision: .float32, threads: 2, instructionSet: instructionSet)
        #expect(relativeError(try InferenceSession(float).allLogits(after: ids), expected) < 1e-4)
        // 8-bit activations and keys: an error of 1/254 of each group's peak, averaging out over a few hundred terms.
        let integer = try DecoderModel(contentsOf: url, precision: .int8, threads: 2, instructionSet: instructionSet)
        let logits = try InferenceSession(integer).allLogits(after: ids)
        #expect(relativeError(logits, expected) < 0.04)
        #expect(relativeMeanError(logits, expected) < 0.006)
    }

    @Test func defaultModelAgreesWithTransformers() throws {
        let reference = try Fixtures.tensors("default-model.reference.safetensors")
        let model = try DecoderModel(contentsOf: Fixtures.defaultModel, precision: .float32)
        for prompt in 0..<3 {
            let ids = try #require(reference["prompt\(prompt).ids"]).integers
            let logits = try InferenceSession(model).logits(after: ids)
            #expect(relativeError(logits, try #require(reference["prompt\(prompt).logits"]).values) < 1e-3)
        }
    }

    /// Greedy decoding in float32 takes the tokens that transformers takes.
    @Test func greedyAnswersEqualTransformers() throws {
        let reference = try Fixtures.tensors("default-model.reference.safetensors")
        let model = try DecoderModel(contentsOf: Fixtures.defaultModel, precision: .float32)
        let expected = try #require(reference["greedy.ids"]).integers
        let summary = try InferenceSession(model).generate(
            after: try #require(reference["prompt2.ids"]).integers,
            options: GenerationOptions(maxNewTokens: expected.count))
        #expect(summary.tokens == expected.filter { !model.tokenizer.endTokens.contains($0) })
    }
}
