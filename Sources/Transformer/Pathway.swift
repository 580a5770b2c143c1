import CKernels

/// Which parts of a model run, and what stands in for the others.
///
/// A head that does not run costs nothing: its query rows and output columns are skipped, and a key/value group
/// whose heads are all pruned is neither computed nor cached. A block of feed-forward channels that does not run
/// costs nothing either: its gate and up rows and its down columns are skipped.
public struct Pathway: Sendable, Equatable, Codable {
    /// Feed-forward channels are kept or pruned in blocks of this many, in the model's order: a tile of the gate and up
    /// projections, half a column group of the down projection.
    public static let blockChannels = Int(SP_TILE_ROWS)

    /// The heads that run, `[layers][kept]`, ascending.
    public let keptHeads: [[Int]]
    /// Added to the residual stream after each layer's attention, `[layers][width]`; empty for a layer that
    /// adds nothing.
    public let biases: [[Float]]
    /// The feed-forward blocks that run, `[layers][kept]`, ascending; nil for all of every layer.
    public let keptBlocks: [[Int]]?
    /// The order of channels that ``keptBlocks`` speaks of, which must be the model's; nil for the checkpoint's.
    public let channelOrder: ChannelOrder?
    /// Added to the residual stream after each layer's feed-forward, `[layers][width]`; empty for a layer that adds
    /// nothing, nil where none does.
    public let feedForwardBiases: [[Float]]?

    /// - Parameters:
    ///   - biases: one vector for each layer, or an empty list where no layer adds anything.
    ///   - feedForwardBiases: likewise.
    public init(
        keptHeads: [[Int]], biases: [[Float]] = [], keptBlocks: [[Int]]? = nil, channelOrder: ChannelOrder? = nil,
        feedForwardBiases: [[Float]] = []
    ) {
        self.keptHeads = keptHeads.map { $0.sorted() }
        self.biases = biases.isEmpty ? Array(repeating: [], count: keptHeads.count) : biases
        self.keptBlocks = keptBlocks?.map { $0.sorted() }
        self.channelOrder = keptBlocks == nil ? nil : channelOrder
        self.feedForwardBiases = feedForwardBiases.isEmpty ? nil : feedForwardBiases
    }

    private enum CodingKeys: String, CodingKey {
        case keptHeads, biases, keptBlocks, channelOrder, feedForwardBiases
    }

    /// A pathway from a file, where units may stand in any order.
    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        self.init(
            keptHeads: try container.decode([[Int]].self, forKey: .keptHeads),
            biases: try container.decode([[Float]].self, forKey: .biases),
            keptBlocks: try container.decodeIfPresent([[Int]].self, forKey: .keptBlocks),
            channelOrder: try container.decodeIfPresent(ChannelOrder.self, forKey: .channelOrder),
            feedForwardBiases: try container.decodeIfPresent([[Float]].self, forKey: .feedForwardBiases) ?? [])
    }

    /// The pathway of all heads and feed-forward blocks.
    public static func dense(layers: Int, heads: Int) -> Pathway {
        Pathway(keptHeads: Array(repeating: Array(0..<heads), count: layers))
    }

    /// The share of heads that do not run, of `heads` in each layer.
    public func prunedFraction(heads: Int) -> Double {
        let total = keptHeads.count * heads
        return total == 0 ? 0 : 1 - Double(keptHeads.reduce(0) { $0 + $1.count }) / Double(total)
    }

    /// How many blocks a feed-forward of `width` channels has; the last one may be smaller.
    public static func blocks(ofFeedForward width: Int) -> Int { (width + blockChannels - 1) / blockChannels }

    /// The channels of one block of a feed-forward of `feedForwardWidth` channels.
    public static func channels(ofBlock block: Int, feedForwardWidth: Int) -> Range<Int> {
        block * blockChannels..<min((block + 1) * blockChannels, feedForwardWidth)
    }
}
