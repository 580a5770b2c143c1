import TestSupport
import Testing
import Transformer

@Suite struct LayerRestartTests {
    /// A pass cut between layers, over a text of several batches, ends as an unbroken one.
    @Test(arguments: DecoderModel.Precision.allCases)
    func aRestartedPassEndsAsAnUnbrokenOne(precision: DecoderModel.Precision) throws {
        let model = try DecoderModel(contentsOf: Fixtures.defaultModel, precision: precision)
        let ids = (0..<300).map { 100 + $0 * 37 % 4000 }
        let session = try InferenceSession(model)
        let embedded = try session.embeddings(of: ids)
        let whole = try session.finalHidden(embedded, from: 0)
        let middle = try session.advance(session.advance(embedded, through: 0..<11), through: 11..<19)
        #expect(try session.finalHidden(middle, from: 19) == whole)
    }

    @Test func aSessionFollowsOnePathwayAfterAnother() throws {
        let model = try Fixtures.tinyModel("llama-tiny")
        let pathway = Pathway(keptHeads: [[0], [1], [0, 3]], keptBlocks: [[0], [0, 1, 2], [5]])
        let session = try InferenceSession(model)
        let dense = try session.logits(after: [5, 6, 7])
        try session.follow(pathway)
        #expect(
            try session.logits(after: [5, 6, 7]) == InferenceSession(model, along: pathway).logits(after: [5, 6, 7]))
        try session.follow(nil)
        #expect(try session.logits(after: [5, 6, 7]) == dense)
    }
}
