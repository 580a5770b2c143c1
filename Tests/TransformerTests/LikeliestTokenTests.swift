import TestSupport
import Testing
import Transformer

/// The most likely token without all logits, against all of them.
@Suite struct LikeliestTokenTests {
    /// Random models' heads are of several types, of which few have a search; their logits are nearly flat.
    @Test(arguments: Fixtures.tinyModels, DecoderModel.Precision.allCases)
    func tinyModelsAgreeWithTheirLogits(name: String, precision: DecoderModel.Precision) throws {
        try expectAgreement(Fixtures.tinyModel(name, precision: precision), tokens: 40)
    }

    @Test(arguments: ["Q4_0", "Q4_1", "Q8_0"])
    func typesAgreeWithTheirLogits(type: String) throws {
        try expectAgreement(DecoderModel(contentsOf: Fixtures.url("types/\(type).gguf"), threads: 1), tokens: 40)
    }

    @Test(arguments: WorkerPool.instructionSets)
    func theDefaultModelAgreesWithItsLogits(instructionSet: String) throws {
        let model = try DecoderModel(contentsOf: Fixtures.defaultModel, threads: 2, instructionSet: instructionSet)
        try expectAgreement(model, tokens: 60)
    }

    /// Tokens that say nothing to the model, one after the other, then what it makes of them.
    private func expectAgreement(_ model: DecoderModel, tokens: Int) throws {
        let (session, other) = (try InferenceSession(model), try InferenceSession(model))
        let vocabulary = model.configuration.vocabularySize
        var next = [1, 2, 3].map { $0 * 7919 % vocabulary }
        for i in 0..<tokens {
            let logits = try other.logits(after: next)
            let found = try session.likeliestToken(after: next)
            #expect(found.token == logits.indices.first { logits[$0] == logits.max()! })
            #expect(found.logit == logits[found.token])
            next = [i % 2 == 0 ? found.token : (i * 104_729 + 11) % vocabulary]
        }
    }
}
