import Checkpoints
import Transformer

/// What a pathway may leave out of a layer. A unit is a set of inputs of one of the layer's two projections into the
/// residual stream; leaving it out spares what computes them, too.
public enum UnitKind: String, Sendable, CaseIterable, Codable, CodingKeyRepresentable {
    /// Query heads: inputs of the attention's output projection.
    case heads
    /// Blocks of ``Pathway/blockChannels`` channels: inputs of the feed-forward's down projection.
    case feedForward = "feed-forward"

    /// The projection that writes the units into the residual stream.
    func projection(of layer: DecoderLayer) -> PackedMatrix {
        switch self {
        case .heads: layer.output
        case .feedForward: layer.down
        }
    }

    /// Units of one layer.
    func count(_ configuration: ModelConfiguration) -> Int {
        switch self {
        case .heads: configuration.heads
        case .feedForward: Pathway.blocks(ofFeedForward: configuration.feedForwardWidth)
        }
    }

    /// Inputs of the projection, over all units.
    func inputs(_ configuration: ModelConfiguration) -> Int {
        switch self {
        case .heads: configuration.heads * configuration.headSize
        case .feedForward: configuration.feedForwardWidth
        }
    }

    /// The inputs of the projection that belong to a unit. The last block may be smaller than the others.
    func inputs(of unit: Int, _ configuration: ModelConfiguration) -> Range<Int> {
        switch self {
        case .heads: unit * configuration.headSize..<(unit + 1) * configuration.headSize
        case .feedForward: Pathway.channels(ofBlock: unit, feedForwardWidth: configuration.feedForwardWidth)
        }
    }

    /// Multiply-adds for each token that a unit takes: a head's query rows and output columns, without the keys and values
    /// that its group's heads share; a block's gate and up rows and down columns.
    func multiplyAdds(of unit: Int, _ configuration: ModelConfiguration) -> Int {
        switch self {
        case .heads: PathwayCost.head(configuration)
        case .feedForward: inputs(of: unit, configuration).count * PathwayCost.channel(configuration)
        }
    }

    /// Units of one layer that share something, by their numbers, and the multiply-adds for each token that are spared with
    /// the last of them: heads that read the same keys and values.
    func sharing(_ configuration: ModelConfiguration) -> (units: Int, multiplyAdds: Int)? {
        switch self {
        case .heads: (configuration.headsPerGroup, PathwayCost.group(configuration))
        case .feedForward: nil
        }
    }

    /// What stands in for the units that are not `kept`: their means' write, `[width]`, in the model's own arithmetic.
    ///
    /// - Parameters:
    ///   - mean: the mean input of the projection, `[inputs]`.
    ///   - product: ``meanProduct(of:)``, for any number of layers.
    func meanWrite(
        _ mean: [Float], without kept: [Int], in layer: Int, of model: DecoderModel, by product: VectorProduct
    ) -> [Float] {
        let configuration = model.configuration
        var pruned = mean
        pruned.withUnsafeMutableBufferPointer { values in
            for unit in kept { values[inputs(of: unit, configuration)].update(repeating: 0) }
        }
        return product(projection(of: model.layers[layer]), pruned)
    }

    /// What means are multiplied with the projections of a model by.
    func meanProduct(of model: DecoderModel) throws(DecoderError) -> VectorProduct {
        try VectorProduct(
            shapedAs: projection(of: model.layers[0]), on: model.pool, precision: model.precision)
    }

    func moments(_ taps: MeanTaps) -> MeanTaps.Moments? {
        switch self {
        case .heads: taps.heads
        case .feedForward: taps.channels
        }
    }
}
