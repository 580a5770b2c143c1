import CKernels

/// An order of the feed-forward channels of every layer, by which weights are packed.
///
/// A pathway keeps or prunes channels by blocks of 16, two of which share a group of 32 of the down projection's columns
/// and its scales. Within its group a channel can stand anywhere: with the strong ones in one block and the weak ones
/// in the other, a pathway prunes with more choice than blocks of neighbours would give it. The dense model computes
/// the same whatever the order.
public struct ChannelOrder: Sendable, Equatable, Codable {
    /// Channels of one group.
    public static let groupChannels = Int(SP_GROUP_COLUMNS)

    /// The checkpoint's channel in each place, `[layers][channels]`.
    public let sources: [[Int]]

    /// - Throws: ``DecoderError/channelOrder(_:)`` where a layer's group of 32 places does not hold its own channels.
    public init(sources: [[Int]]) throws(DecoderError) {
        for (layer, channels) in sources.enumerated() {
            for start in stride(from: 0, to: channels.count, by: Self.groupChannels) {
                let group = start..<min(start + Self.groupChannels, channels.count)
                guard channels[group].sorted() == Array(group) else {
                    throw .channelOrder("the places \(group) of layer \(layer) do not hold these channels")
                }
            }
        }
        self.sources = sources
    }

    /// The order of falling strength within each group.
    ///
    /// - Parameters:
    ///   - strengths: `[layers][channels]`; ties keep the checkpoint's order.
    ///   - fixed: layers that keep the checkpoint's order, see ``DecoderModel/layersOfFixedOrder``.
    public init(byFalling strengths: [[Double]], fixed: Set<Int> = []) {
        sources = strengths.enumerated().map { layer, strengths in
            guard !fixed.contains(layer) else { return Array(strengths.indices) }
            return stride(from: 0, to: strengths.count, by: Self.groupChannels).flatMap { start in
                (start..<min(start + Self.groupChannels, strengths.count)).sorted {
                    (-strengths[$0], $0) < (-strengths[$1], $1)
                }
            }
        }
    }

    /// - Throws: ``DecoderError/channelOrder(_:)`` where it is one of another model's channels.
    public func check(layers: Int, channels: Int) throws(DecoderError) {
        guard sources.count == layers, sources.allSatisfy({ $0.count == channels }) else {
            throw .channelOrder("expected \(channels) channels in each of \(layers) layers")
        }
    }

    public init(from decoder: Decoder) throws {
        try self.init(sources: [[Int]](from: decoder))
    }

    public func encode(to encoder: Encoder) throws { try sources.encode(to: encoder) }
}
