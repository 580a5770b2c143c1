import Foundation
import Tokenizers
import Transformer

/// What a model makes of one text: for each layer, the mean over its tokens of the post-attention residual and
/// of every head's output.
public struct LayerFeatures: Sendable {
    /// `[layers][width]`
    public let residuals: [[Float]]
    /// `[layers][heads * headSize]`
    public let heads: [[Float]]

    public init(_ taps: MeanTaps, layers: Int) {
        residuals = (0..<layers).map { taps.residual(layer: $0) }
        heads = (0..<layers).map { taps.heads(layer: $0) }
    }
}

/// Reads texts with a dense pass of a model.
public final class FeatureReader {
    private let model: DecoderModel
    private let session: InferenceSession

    public init(_ model: DecoderModel) throws(DecoderError) {
        self.model = model
        session = try InferenceSession(model)
    }

    /// The features of `text`, which is read as it is, without a chat template. A text longer than the model's
    /// context is cut to it.
    public func features(of text: String) throws -> LayerFeatures {
        session.reset()
        let ids = model.tokenizer.encode(text)
        let taps = try session.taps(over: Array(ids.prefix(session.contextLimit)))
        return LayerFeatures(taps, layers: model.configuration.layers)
    }

    /// The mean post-attention residual of `text` at the middle layer over the tokens after its first, and that of the
    /// first, each `[width]`.
    ///
    /// The first token is an attention sink (Xiao et al., 2024): its residual is far longer than the others' and much
    /// the same in every text. In a mean over all tokens its share is one over their number, so that embeddings would
    /// differ by the length of a text before anything else.
    public func embedding(of text: String) throws -> (mean: [Float], first: [Float]) {
        session.reset()
        let layer = model.configuration.layers / 2
        let ids = model.tokenizer.encode(text).prefix(session.contextLimit)
        let first = try session.taps(over: Array(ids.prefix(1))).residual(layer: layer)
        guard ids.count > 1 else { return (first, first) }
        return (try session.taps(over: Array(ids.dropFirst())).residual(layer: layer), first)
    }
}
