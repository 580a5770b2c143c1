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

    /// Multiply-adds for each token that a unit takes: a head's query rows and output columns, without the keys and
    /// values that its group's heads share; a block's gate and up rows and down columns.
    func multiplyAdds(of unit: Int, _ configuration: ModelConfiguration) -> Int {
        switch self {
        case .heads: PathwayCost.head(configuration)
        case .feedForward: inputs(of: unit, configuration).count * PathwayCost.channel(configuration)
        }
    }

    /// Units of one layer that share something, by their numbers, and the multiply-adds for each token that are spared
    /// with the last of them: heads that read the same keys and values.
    func sharing(_ configuration: ModelConfiguration) -> (units: Int, multiplyAdds: Int)? {
        switch self {
        case .heads: (configuration.headsPerGroup, PathwayCost.group(configuration))
        case .feedForward: nil
        }
    }

    /// What stands in for units that do not run: their means' writes, in the model's own arithmetic, one for each of
    /// `layers`, `[width]`.
    ///
    /// - Parameters:
    ///   - layers: of the model, with the units that do not run.
    ///   - mixture: the weight of each domain's means.
    ///   - products: ``meanProducts(of:layers:)``.
    func meanWrites(
        _ layers: [(layer: Int, pruned: [Int])], _ importance: UnitImportance, mixture: [Double],
        of model: DecoderModel, by products: VectorProducts
    ) -> [[Float]] {
        let configuration = model.configuration
        return products(layers.map { projection(of: model.layers[$0.layer]) }) { index, values in
            values.update(repeating: 0)
            importance.addMeans(
                of: layers[index].pruned.map { inputs(of: $0, configuration) }, in: layers[index].layer,
                mixture: mixture, to: values)
        }
    }

    /// What means of at most `layers` layers are multiplied with their projections by.
    func meanProducts(of model: DecoderModel, layers: Int) throws(DecoderError) -> VectorProducts {
        try VectorProducts(
            shapedAs: projection(of: model.layers[0]), count: layers, on: model.pool, precision: model.precision)
    }

    func moments(_ taps: MeanTaps) -> MeanTaps.Moments? {
        switch self {
        case .heads: taps.heads
        case .feedForward: taps.channels
        }
    }
}
