import CKernels

/// An order of the feed-forward channels of every layer, by which weights are packed.
///
/// A pathway keeps or prunes channels by blocks of 16, two of which share a group of 32 of the down projection's
/// columns and its scales. A group's channels can stand anywhere in it, and the group anywhere in its layer. With the
/// strong channels of a group in one block and the weak ones in the other, a pathway prunes with more choice than
/// blocks of neighbours would give it; with strong groups before weak ones, it reads memory in longer runs. The dense
/// model computes the same whatever the order.
public struct ChannelOrder: Sendable, Equatable, Codable {
    /// Channels of one group.
    public static let groupChannels = Int(SP_GROUP_COLUMNS)

    /// The checkpoint's channel in each place, `[layers][channels]`.
    public let sources: [[Int]]

    /// - Throws: ``DecoderError/channelOrder(_:)`` where a layer's 32 places of a group do not hold one group of the
    ///   checkpoint, or hold one that others do as well; channels that fill no group stay in the last places.
    public init(sources: [[Int]]) throws(DecoderError) {
        for (layer, channels) in sources.enumerated() {
            var seen: Set<Int> = []
            for places in Self.groups(of: channels.count) {
                let found = channels[places].sorted()
                guard let first = found.first, first >= 0, first <= channels.count - places.count,
                    first % Self.groupChannels == 0, found == Array(first..<first + places.count),
                    places.count == Self.groupChannels || first == places.lowerBound, seen.insert(first).inserted
                else { throw .channelOrder("the places \(places) of layer \(layer) do not hold a group of channels") }
            }
        }
        self.sources = sources
    }

    /// Groups of falling strength, the channels of each by falling strength; ties keep the checkpoint's order.
    ///
    /// - Parameters:
    ///   - strengths: `[layers][channels]`.
    ///   - fixed: layers whose groups keep their channels where they are, see ``DecoderModel/layersOfFixedGroups``.
    public init(byFalling strengths: [[Double]], fixed: Set<Int> = []) {
        func sorted<Keys: Collection<Int>>(_ keys: Keys, _ strength: (Int) -> Double) -> [Int] {
            keys.sorted { (-strength($0), $0) < (-strength($1), $1) }
        }
        sources = strengths.enumerated().map { layer, strengths in
            let groups = Self.groups(of: strengths.count)
            let whole = groups.indices.filter { groups[$0].count == Self.groupChannels }
            let order = sorted(whole) { strengths[groups[$0]].reduce(0, +) } + groups.indices.dropFirst(whole.count)
            return order.flatMap { group in
                fixed.contains(layer) ? Array(groups[group]) : sorted(groups[group]) { strengths[$0] }
            }
        }
    }

    /// The places of each group; the last may be smaller.
    private static func groups(of channels: Int) -> [Range<Int>] {
        stride(from: 0, to: channels, by: groupChannels).map { $0..<min($0 + groupChannels, channels) }
    }

    /// Whether every channel stands in the half of a group that it comes from.
    static func keepsHalves(_ sources: [Int]) -> Bool {
        sources.enumerated().allSatisfy { place, source in
            place % groupChannels / Pathway.blockChannels == source % groupChannels / Pathway.blockChannels
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
