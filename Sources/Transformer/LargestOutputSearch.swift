import CKernels

/// Finds the largest output of a matrix, and of an output head so the most likely token, without reading all of its
/// weights.
final class LargestOutputSearch: Sendable {
    private let matrix: PackedMatrix
    /// Of each row's lower part.
    private let norms: AlignedBuffer<Float>
    private let slack: Float

    /// - Returns: nil where the matrix is not packed for it.
    init?(_ matrix: PackedMatrix) throws(DecoderError) {
        guard withUnsafePointer(to: matrix.matrix, { sp_has_largest_search($0) }) else { return nil }
        self.matrix = matrix
        norms = try AlignedBuffer(count: matrix.outputStride, for: "norms of the output head")
        slack = withUnsafePointer(to: matrix.matrix) { [norms] in sp_measure_lower_parts($0, norms.pointer) }
    }

    /// Bytes of the weights that a search reads at least.
    var byteCount: Int {
        let left = matrix.groups - Int(sp_groups_read_whole(Int32(matrix.groups)))
        return matrix.byteCount - Int(matrix.matrix.tiles) * left * Int(SP_LOWER_BYTES)
    }

    /// What one session's searches write to.
    struct Scratch {
        let tiles: AlignedBuffer<Int32>
        let whole: AlignedBuffer<UInt8>

        init(_ matrix: PackedMatrix) throws(DecoderError) {
            tiles = try AlignedBuffer(count: Int(matrix.matrix.tiles), for: "the most likely token")
            whole = try AlignedBuffer(count: matrix.groups, for: "the most likely token")
        }
    }

    /// - Parameter outputs: room for those of one token.
    /// - Returns: the row with the largest output, the first of several; and the share of all rows whose outputs were
    ///   computed from whole weights.
    func largest(
        _ input: ActivationBuffer, outputs: AlignedBuffer<Float>, _ scratch: Scratch, on pool: OpaquePointer
    ) -> (row: Int, output: Float, shareComputed: Double) {
        withUnsafePointer(to: matrix.matrix) { matrix in
            var search = sp_largest_search(
                matrix: matrix, norms: norms.pointer, slack: slack, outputs: outputs.pointer,
                tiles: scratch.tiles.pointer, whole: scratch.whole.pointer)
            var activations = input.activations(1)
            let found = sp_find_largest(pool, &search, &activations)
            return (Int(found.row), found.output, Double(found.tiles) / Double(matrix.pointee.tiles))
        }
    }
}
