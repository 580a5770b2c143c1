import CKernels

/// Where the rows of gate and up projections stand.
///
/// A block of 16 channels is one tile of both, and half of a group of 32 columns of the down projection. The tiles of
/// all groups' first halves come before those of the second halves. With strong channels in first halves, and strong
/// groups first, a pathway that prunes weak blocks reads a few long runs of tiles: memory that is skipped in pieces of
/// a tile takes as long as memory that is read.
struct FeedForwardLayout {
    /// Feed-forward channels.
    let width: Int

    private var groups: Int { width / ChannelOrder.groupChannels }
    /// Channels that do not fill their last group stand in the order of their columns.
    private var isApart: Bool { width % ChannelOrder.groupChannels == 0 }

    /// Where the kernels find the tile of a half group.
    var halves: sp_half_layout {
        isApart ? sp_half_layout(group: 1, second: Int32(groups)) : sp_half_layout(group: 2, second: 1)
    }

    /// The tile of a block of channels.
    private func tile(ofBlock block: Int) -> Int { block / 2 * Int(halves.group) + block % 2 * Int(halves.second) }

    /// The checkpoint's row in each place, `[width]`.
    ///
    /// - Parameter channels: the checkpoint's channel in each place of the down projection's columns.
    func rows(of channels: [Int]) -> [Int32] {
        var rows = channels.map(Int32.init)
        guard isApart else { return rows }
        for (place, channel) in channels.enumerated() {
            let (block, lane) = (place / Pathway.blockChannels, place % Pathway.blockChannels)
            rows[tile(ofBlock: block) * Pathway.blockChannels + lane] = Int32(channel)
        }
        return rows
    }
}
