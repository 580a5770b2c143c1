import CKernels
import Checkpoints

private let purpose = "a pathway"

/// A pathway as lists of tiles and column groups: what the kernels walk. Making one moves no weight.
final class PathwayPlan {
    struct Group {
        let index: Int
        let heads: AlignedBuffer<Int32>
    }

    struct Layer {
        /// The tiles of the query heads that run; nil for all.
        let queryTiles: AlignedBuffer<Int32>?
        let keyValueTiles: AlignedBuffer<Int32>?
        /// Columns of the output projection that some running head writes.
        let outputColumns: Columns
        /// The heads that do not run.
        let prunedHeads: [Int]
        /// The key/value groups that have a running head.
        let groups: [Group]
        /// Padded to the output projection's stride.
        let bias: AlignedBuffer<Float>?
        let feedForward: FeedForward
    }

    struct FeedForward {
        /// The channels that run: tiles of the gate and up projections, columns of the down projection.
        let columns: Columns
        /// Padded to the down projection's stride.
        let bias: AlignedBuffer<Float>?

        var isEmpty: Bool { columns.groups?.count == 0 }
        var isWhole: Bool { columns.groups == nil }
    }

    /// The columns of a matrix that a product reads.
    struct Columns {
        static let all = Columns(groups: nil, halves: nil)

        /// Groups of 32, ascending; nil for all.
        let groups: AlignedBuffer<Int32>?
        /// Which halves of each, see `sp_halves`; nil for both of every group.
        let halves: AlignedBuffer<UInt8>?

        private init(groups: AlignedBuffer<Int32>?, halves: AlignedBuffer<UInt8>?) {
            self.groups = groups
            self.halves = halves
        }

        /// Whole groups, ascending.
        init(groups: [Int]) throws(DecoderError) {
            self.init(groups: try AlignedBuffer(groups.map(Int32.init), for: purpose), halves: nil)
        }

        /// Half groups, ascending.
        init(halfGroups: [Int]) throws(DecoderError) {
            var groups: [Int32] = []
            var halves: [UInt8] = []
            for half in halfGroups {
                if groups.last != Int32(half / 2) {
                    groups.append(Int32(half / 2))
                    halves.append(0)
                }
                halves[halves.count - 1] |= UInt8((half % 2 == 0 ? SP_FIRST_HALF : SP_SECOND_HALF).rawValue)
            }
            self.init(
                groups: try AlignedBuffer(groups, for: purpose), halves: try AlignedBuffer(halves, for: purpose))
        }

        /// What the kernels take; valid for as long as this plan.
        var pointers: sp_columns {
            sp_columns(groups: groups?.pointer, halves: halves?.pointer, count: Int32(groups?.count ?? 0), whole: nil)
        }
    }

    let layers: [Layer]

    init(_ pathway: Pathway, for model: DecoderModel) throws(DecoderError) {
        let configuration = model.configuration
        let layerCount = configuration.layers
        for count in [
            pathway.keptHeads.count, pathway.biases.count, pathway.keptBlocks?.count ?? layerCount,
            pathway.feedForwardBiases?.count ?? layerCount,
        ] where count != layerCount {
            throw .pathwayMismatch(expected: "\(layerCount) layers", found: "\(count) layers")
        }
        guard pathway.keptBlocks == nil || pathway.channelOrder == model.channelOrder else {
            throw .channelOrder("load the model with the pathway's")
        }
        var layers: [Layer] = []
        for (index, weights) in model.layers.enumerated() {
            let feedForward = try Self.feedForward(
                weights, pathway.keptBlocks?[index], pathway.feedForwardBiases?[index] ?? [], index, configuration)
            layers.append(
                try Self.layer(
                    weights, pathway.keptHeads[index], pathway.biases[index], feedForward, index, configuration))
        }
        self.layers = layers
    }

    private static func check(
        _ kept: [Int], _ what: String, of count: Int, _ bias: [Float], width: Int, layer: Int
    ) throws(DecoderError) {
        guard Set(kept).count == kept.count, kept.allSatisfy((0..<count).contains) else {
            throw .pathwayMismatch(expected: "distinct \(what) 0 to \(count - 1) in layer \(layer)", found: "\(kept)")
        }
        guard bias.allSatisfy(\.isFinite) else {
            throw .pathwayMismatch(expected: "finite biases in layer \(layer)", found: "others")
        }
        guard bias.isEmpty || bias.count == width else {
            throw .pathwayMismatch(
                expected: "a bias of \(width) values in layer \(layer)", found: "\(bias.count) values")
        }
    }

    private static func padded(_ bias: [Float], to stride: Int) throws(DecoderError) -> AlignedBuffer<Float>? {
        guard !bias.isEmpty else { return nil }
        return try AlignedBuffer(bias + [Float](repeating: 0, count: stride - bias.count), for: purpose)
    }

    private static func feedForward(
        _ weights: DecoderLayer, _ kept: [Int]?, _ bias: [Float], _ index: Int, _ configuration: ModelConfiguration
    ) throws(DecoderError) -> FeedForward {
        let blocks = Pathway.blocks(ofFeedForward: configuration.feedForwardWidth)
        try check(
            kept ?? [], "feed-forward blocks", of: blocks, bias, width: configuration.width, layer: index)
        let bias = try padded(bias, to: weights.down.outputStride)
        guard let kept, kept.count < blocks else { return FeedForward(columns: .all, bias: bias) }
        return FeedForward(columns: try Columns(halfGroups: kept), bias: bias)
    }

    private static func layer(
        _ weights: DecoderLayer, _ kept: [Int], _ bias: [Float], _ feedForward: FeedForward, _ index: Int,
        _ configuration: ModelConfiguration
    ) throws(DecoderError) -> Layer {
        let heads = configuration.heads
        try check(kept, "heads", of: heads, bias, width: configuration.width, layer: index)
        let perGroup = configuration.headsPerGroup
        var groups: [Group] = []
        for group in 0..<configuration.keyValueHeads {
            let members = kept.filter { $0 / perGroup == group }
            guard !members.isEmpty else { continue }
            groups.append(Group(index: group, heads: try AlignedBuffer(members.map(Int32.init), for: purpose)))
        }
        func tiles(of blocks: [Int], in matrix: PackedMatrix) -> [Int32] {
            let perBlock = matrix.matrix.block_tiles
            return blocks.flatMap { block in (0..<perBlock).map { Int32(block) * perBlock + $0 } }
        }
        let live = groups.map(\.index)
        let all = kept.count == heads
        let columns = Int(SP_GROUP_COLUMNS)
        let written = Set(
            kept.flatMap { head in
                let first = head * configuration.headSize
                return first / columns...(first + configuration.headSize - 1) / columns
            })
        return Layer(
            queryTiles: all ? nil : try AlignedBuffer(tiles(of: kept, in: weights.query), for: purpose),
            keyValueTiles: live.count == configuration.keyValueHeads
                ? nil : try AlignedBuffer(tiles(of: live, in: weights.key), for: purpose),
            outputColumns: all ? .all : try Columns(groups: written.sorted()),
            prunedHeads: Set(0..<heads).subtracting(kept).sorted(),
            groups: groups,
            bias: try padded(bias, to: weights.output.outputStride),
            feedForward: feedForward)
    }
}
