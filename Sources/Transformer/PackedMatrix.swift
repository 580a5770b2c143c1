import CKernels
import Checkpoints

/// A weight matrix `[rows, columns]`, quantised or not, repacked into tiles of 16 rows so that a head, or any
/// run of 16 rows, is contiguous.
public final class PackedMatrix: @unchecked Sendable {
    let matrix: sp_matrix
    /// Keeps the tiles alive.
    private let arena: WeightArena

    public var rows: Int { Int(matrix.rows) }
    public var columns: Int { Int(matrix.columns) }
    /// Bytes of the packed weights.
    public let byteCount: Int

    /// Floats that one token's output takes: rows padded to whole tiles.
    var outputStride: Int { Int(matrix.tiles) * Int(SP_TILE_ROWS) }
    /// Floats from one row block (head) to the next in the output.
    var blockStride: Int { Int(matrix.block_tiles) * Int(SP_TILE_ROWS) }
    var groups: Int { Int(matrix.groups) }
    /// Whether each half of a group of 32 columns has scales of its own, so that a column cannot change its half.
    var hasSplitScales: Bool { sp_has_split_scales(matrix.format) }
    /// Whether products with inputs of 8 bits take integers.
    var takesIntegers: Bool { sp_is_for_integers(matrix.format) }

    /// - Parameters:
    ///   - blockRows: rows of one head; all rows where there are no heads.
    ///   - blockColumns: how many columns a pathway keeps or leaves out together; all where it leaves out none.
    ///   - rotaryPairs: where the source stores rotary pairs side by side, how many pairs; they are packed with
    ///     the two halves apart.
    ///   - rowOrder: the tensor's row for each packed one; nil for its own order. Only where there are no heads.
    ///   - columnOrder: likewise for columns; see ``ChannelOrder`` for what may move where.
    ///   - precision: of the products that it is packed for.
    ///   - isSearched: whether it is packed for a ``LargestOutputSearch`` as well, where its type allows one.
    init(
        _ tensor: GGUFTensor, of file: GGUFFile, rows: Int, columns: Int, blockRows: Int? = nil,
        blockColumns: Int? = nil, rotaryPairs: Int = 0, rowOrder: [Int32]? = nil, columnOrder: [Int32]? = nil,
        precision: DecoderModel.Precision, isSearched: Bool = false, arena: WeightArena, pool: WorkerPool
    ) throws(CheckpointError) {
        precondition(rowOrder == nil || rowOrder!.count == rows && (blockRows ?? rows) == rows)
        precondition(columnOrder == nil || columnOrder!.count == columns)
        guard tensor.columns == columns, tensor.rows == rows else {
            throw file.failure(
                .malformed, tensor.name, "is [\(tensor.rows), \(tensor.columns)], expected [\(rows), \(columns)]")
        }
        let type = sp_element_type(tensor.type.rawValue)
        var matrix = sp_matrix()
        let packing = precision == .float32 ? SP_FOR_FLOATS : isSearched ? SP_FOR_LARGEST : SP_FOR_INTEGERS
        let bytes = sp_matrix_layout(
            &matrix, type, packing, Int64(rows), Int64(columns), Int64(blockRows ?? rows),
            Int64(blockColumns ?? columns))
        guard bytes > 0 else {
            throw file.failure(.unsupported, tensor.name, "cannot be repacked: [\(rows), \(columns)] of \(tensor.type)")
        }
        // Narrow matrices are padded: a small file must not take a machine's memory.
        guard arena.reserveGrowth(to: bytes, from: tensor.range.count) else {
            throw file.failure(
                .unsupported, tensor.name,
                "is too narrow, as are those before it: it would take \(bytes) bytes where the file has "
                    + "\(tensor.range.count)")
        }
        guard let memory = arena.allocate(bytes) else {
            throw file.failure(.outOfMemory, tensor.name, "needs \(bytes) bytes of memory")
        }
        // A few megabytes at a time, so that little of the file is in memory beside its packed form. A page
        // discarded before its last row was read is only mapped once more.
        let source = file.bytes(of: tensor)
        let (tiles, tilesAtOnce) = (Int(matrix.tiles), max(1, (4 << 20) * Int(matrix.tiles) / bytes))
        var isFinite = true
        withArrangement(rotaryPairs, rowOrder, columnOrder) { arrangement in
            for first in stride(from: 0, to: tiles, by: tilesAtOnce) {
                let last = min(first + tilesAtOnce, tiles)
                let areNumbers = sp_pack(
                    pool.pointer, &matrix, type, source.baseAddress, arrangement, memory, Int32(first), Int32(last))
                isFinite = isFinite && areNumbers
                file.file.discardPages(
                    of: tensor.range.lowerBound..<tensor.range.lowerBound + source.count / tiles * last)
            }
        }
        file.file.discardPages(of: tensor.range)
        guard isFinite else {
            throw file.failure(.malformed, tensor.name, "has weights or scales that are no numbers, or too large")
        }
        matrix.data = UnsafePointer(memory)
        self.matrix = matrix
        self.arena = arena
        byteCount = bytes
    }

    /// Row `row` as floats, `[columns]`.
    public func row(_ row: Int) -> [Float] {
        [Float](unsafeUninitializedCapacity: columns) { buffer, count in
            copyRow(row, to: buffer.baseAddress!)
            count = columns
        }
    }

    func copyRow(_ row: Int, to destination: UnsafeMutablePointer<Float>) {
        withUnsafePointer(to: matrix) { sp_matrix_row($0, Int32(row), destination) }
    }
}

/// Hands `body` an arrangement that is valid during the call.
private func withArrangement(
    _ rotaryPairs: Int, _ rows: [Int32]?, _ columns: [Int32]?, _ body: (UnsafePointer<sp_arrangement>) -> Void
) {
    func withPointer(_ order: [Int32]?, _ body: (UnsafePointer<Int32>?) -> Void) {
        guard let order else { return body(nil) }
        order.withUnsafeBufferPointer { body($0.baseAddress) }
    }
    withPointer(rows) { rows in
        withPointer(columns) { columns in
            var arrangement = sp_arrangement(rotary_pairs: Int32(rotaryPairs), rows: rows, columns: columns)
            body(&arrangement)
        }
    }
}
