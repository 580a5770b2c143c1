import Tokenizers
import Transformer

/// What a model makes of one text: for each layer that was run, the mean over its tokens of the post-attention
/// residual.
public struct LayerFeatures: Sendable {
    /// `[layers][width]`
    public let residuals: [[Float]]

    public init(_ taps: MeanTaps, layers: Int) {
        residuals = (0..<layers).map { taps.residual(layer: $0) }
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
    ///
    /// - Parameter layers: how many layers to run, from the first on; nil for all.
    public func features(of text: String, layers: Int? = nil) throws -> LayerFeatures {
        let count = layers ?? model.configuration.layers
        return LayerFeatures(try taps(over: text, of: .residuals, layers: count), layers: count)
    }

    /// The residuals of the first token of `text`.
    public func firstToken(of text: String) throws -> LayerFeatures {
        session.reset()
        let taps = try session.taps(over: Array(tokens(of: text).prefix(1)), of: .residuals)
        return LayerFeatures(taps, layers: model.configuration.layers)
    }

    /// What flows through each layer while `text` is read, as it is and cut likewise.
    public func taps(over text: String, of kinds: MeanTaps.Kinds, layers: Int? = nil) throws -> MeanTaps {
        session.reset()
        return try session.taps(over: tokens(of: text), of: kinds, layers: layers)
    }

    /// What is read of `text`.
    public func tokens(of text: String) -> [Int] {
        Array(model.tokenizer.encodeText(text).prefix(session.contextLimit))
    }

    /// The mean post-attention residual of `text` at the middle layer over the tokens after its first, and that of the
    /// first, each `[width]`; no mean of a text of one token.
    ///
    /// The first token is an attention sink (Xiao et al., 2024): its residual is far longer than the others' and much
    /// the same in every text. In a mean over all tokens its share is one over their number, so that embeddings would
    /// differ by the length of a text before anything else.
    public func embedding(of text: String) throws -> (mean: [Float]?, first: [Float]) {
        session.reset()
        let layer = model.configuration.layers / 2
        let ids = tokens(of: text)
        func residual(_ ids: some Collection<Int>) throws -> [Float] {
            try session.taps(over: Array(ids), of: .residuals, layers: layer + 1).residual(layer: layer)
        }
        let first = try residual(ids.prefix(1))
        return (ids.count > 1 ? try residual(ids.dropFirst()) : nil, first)
    }
}
