import Checkpoints
import TestSupport
import Testing
import Transformer

@Suite struct MeanTapsTests {
    @Test(arguments: Fixtures.tinyModels)
    func tapsAgreeWithTransformers(name: String) throws {
        let reference = try Fixtures.tensors("models/\(name).reference.safetensors")
        let model = try Fixtures.tinyModel(name)
        let ids = try #require(reference["ids"]).integers
        let taps = try InferenceSession(model).taps(over: ids, of: .all)
        let residuals = (0..<3).flatMap { taps.residual(layer: $0) }
        let heads = (0..<3).flatMap { taps.heads(layer: $0) }
        let channels = (0..<3).flatMap { taps.channels(layer: $0) }
        #expect(relativeError(residuals, try #require(reference["tap_residual"]).values) < 1e-4)
        #expect(relativeError(heads, try #require(reference["tap_heads"]).values) < 1e-4)
        #expect(relativeError(channels, try #require(reference["tap_channels"]).values) < 1e-4)
    }

    /// A pass that stops early has read the layers it ran as a whole pass does.
    @Test func theFirstLayersTapsAreThoseOfAWholePass() throws {
        let model = try Fixtures.tinyModel("llama-tiny")
        let session = try InferenceSession(model)
        let whole = try session.taps(over: [5, 6, 7], of: .residuals)
        session.reset()
        let first = try session.taps(over: [5, 6, 7], of: .residuals, layers: 2)
        #expect((0..<2).allSatisfy { first.residual(layer: $0) == whole.residual(layer: $0) })
        #expect(first.residual(layer: 2).allSatisfy { $0 == 0 })
        #expect(whole.heads(layer: 0).isEmpty)
    }
}
