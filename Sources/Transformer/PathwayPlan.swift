import CKernels
import Checkpoints

/// A pathway as lists of tiles and column groups: what the kernels walk. Making one moves no weight.
final class PathwayPlan {
    struct Group {
        let index: Int
        let heads: AlignedBuffer<Int32>
    }

    struct Layer {
        /// The query heads that run; nil for all.
        let queryTiles: AlignedBuffer<Int32>?
        let keyValueTiles: AlignedBuffer<Int32>?
        /// Column groups of the output projection that some running head writes; nil for all.
        let outputGroups: AlignedBuffer<Int32>?
        /// The heads that do not run.
        let prunedHeads: [Int]
        /// The key/value groups that have a running head.
        let groups: [Group]
        /// Padded to the output projection's stride.
        let bias: AlignedBuffer<Float>?
    }

    let layers: [Layer]

    init(_ pathway: Pathway, for model: DecoderModel) throws(DecoderError) {
        let configuration = model.configuration
        guard pathway.keptHeads.count == configuration.layers, pathway.biases.count == configuration.layers else {
            throw .pathwayMismatch(
                expected: "\(configuration.layers) layers", found: "\(pathway.keptHeads.count) layers")
        }
        var layers: [Layer] = []
        for (index, kept) in pathway.keptHeads.enumerated() {
            layers.append(try Self.layer(model.layers[index], kept, pathway.biases[index], index, configuration))
        }
        self.layers = layers
    }

    private static func layer(
        _ weights: DecoderLayer, _ kept: [Int], _ bias: [Float], _ index: Int, _ configuration: ModelConfiguration
    ) throws(DecoderError) -> Layer {
        let heads = configuration.heads
        guard Set(kept).count == kept.count, kept.allSatisfy((0..<heads).contains) else {
            throw .pathwayMismatch(
                expected: "distinct heads 0 to \(heads - 1) in layer \(index)", found: "\(kept)")
        }
        guard bias.isEmpty || bias.count == configuration.width else {
            throw .pathwayMismatch(
                expected: "a bias of \(configuration.width) values in layer \(index)", found: "\(bias.count) values")
        }
        let perGroup = configuration.headsPerGroup
        let purpose = "a pathway"
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
        var paddedBias: AlignedBuffer<Float>?
        if !bias.isEmpty {
            let padding = [Float](repeating: 0, count: weights.output.outputStride - bias.count)
            paddedBias = try AlignedBuffer(bias + padding, for: purpose)
        }
        return Layer(
            queryTiles: all ? nil : try AlignedBuffer(tiles(of: kept, in: weights.query), for: purpose),
            keyValueTiles: live.count == configuration.keyValueHeads
                ? nil : try AlignedBuffer(tiles(of: live, in: weights.key), for: purpose),
            outputGroups: all ? nil : try AlignedBuffer(written.sorted().map(Int32.init), for: purpose),
            prunedHeads: Set(0..<heads).subtracting(kept).sorted(),
            groups: groups,
            bias: paddedBias)
    }
}
