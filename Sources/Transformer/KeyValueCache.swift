import CKernels
import Checkpoints

/// The keys and values of the positions a session has seen, for the key/value groups its pathway runs.
///
/// Memory grows with the text, by doubling, up to the session's limit.
final class KeyValueCache {
    /// One group of one layer, laid out as `sp_cache_format` says.
    struct Store {
        let keys: UnsafeMutablePointer<UInt8>
        let values: UnsafeMutablePointer<UInt8>
        /// The memory of the layer's groups: large pieces go back to the system when they are outgrown.
        fileprivate let memory: AlignedBuffer<UInt8>
    }

    let format: sp_cache_format

    /// Keys that have a bias or a norm are much larger in a few dimensions than in the others in some families, so they
    /// keep more bits.
    private static func format(_ model: DecoderModel) -> sp_cache_format {
        guard model.precision == .int8 else { return SP_CACHE_F32 }
        return model.layers.contains { $0.keyBias != nil || $0.keyNorm != nil } ? SP_CACHE_WIDE_KEYS : SP_CACHE_BYTES
    }

    private static func blockBytes(_ format: sp_cache_format, headStride: Int) -> (keys: Int, values: Int) {
        (sp_key_block_bytes(format, Int32(headStride)), sp_value_block_bytes(format, Int32(headStride)))
    }

    /// Bytes of a position's keys and values in one group, scales among them.
    static func bytesPerPosition(_ model: DecoderModel, headStride: Int) -> Int {
        let bytes = blockBytes(format(model), headStride: headStride)
        return (bytes.keys + bytes.values) / Int(SP_KEY_BLOCK)
    }

    private(set) var stores: [[Store?]]
    private(set) var capacity = 0
    /// Bytes of the keys, and of the values, of a block of positions in one group.
    private let blockBytes: (keys: Int, values: Int)
    private let limit: Int
    private let liveGroups: [[Int]]

    init(
        _ plan: PathwayPlan, _ model: DecoderModel, headStride: Int, limit: Int
    ) {
        format = Self.format(model)
        blockBytes = Self.blockBytes(format, headStride: headStride)
        self.limit = limit
        liveGroups = plan.layers.map { $0.groups.map(\.index) }
        stores = Array(
            repeating: Array(repeating: nil, count: model.configuration.keyValueHeads),
            count: model.configuration.layers)
    }

    /// Bytes that the cache occupies now.
    var byteCount: Int {
        liveGroups.reduce(0) { $0 + $1.count } * (capacity / Int(SP_KEY_BLOCK)) * (blockBytes.keys + blockBytes.values)
    }

    /// Makes room for `positions` positions, keeping what is there.
    func reserve(_ positions: Int) throws(DecoderError) {
        guard positions > capacity else { return }
        let block = Int(SP_KEY_BLOCK)
        let wanted = min(max(positions, 2 * capacity, 64), limit)
        let blocks = (wanted + block - 1) / block, filled = capacity / block
        let (keyBytes, valueBytes) = (blocks * blockBytes.keys, blocks * blockBytes.values)
        for (layer, groups) in liveGroups.enumerated() {
            let memory = try AlignedBuffer<UInt8>(
                count: groups.count * (keyBytes + valueBytes), for: "the key/value cache")
            for (place, group) in groups.enumerated() {
                let keys = memory.pointer + place * (keyBytes + valueBytes)
                let values = keys + keyBytes
                if let old = stores[layer][group] {
                    keys.update(from: old.keys, count: filled * blockBytes.keys)
                    values.update(from: old.values, count: filled * blockBytes.values)
                }
                stores[layer][group] = Store(keys: keys, values: values, memory: memory)
            }
        }
        capacity = blocks * block
    }
}
