import CKernels

/// W x for one vector at a time, with buffers that serve any number of matrices of one shape.
public final class VectorProduct {
    private let input: ActivationBuffer
    private let output: AlignedBuffer<Float>
    private let pool: WorkerPool
    private let shape: (rows: Int, columns: Int)
    /// The groups of 32 columns where x is not zero, and which halves of each.
    private var groups: [Int32] = []
    private var halves: [UInt8] = []

    /// - Parameters:
    ///   - matrix: one of the shape, whose rows are one block.
    ///   - precision: that of the product, as of a token's.
    public init(
        shapedAs matrix: PackedMatrix, on pool: WorkerPool, precision: DecoderModel.Precision = .float32
    ) throws(DecoderError) {
        precondition(matrix.matrix.block_rows == matrix.matrix.rows)
        input = try ActivationBuffer(width: matrix.columns, tokens: 1, quantized: precision == .int8)
        output = try AlignedBuffer(count: matrix.outputStride, for: "a matrix product")
        self.pool = pool
        shape = (matrix.rows, matrix.columns)
    }

    /// W x, `[rows]`, for an `x` of `[columns]`; half groups of 32 columns where x is zero are not read.
    public func callAsFunction(_ matrix: PackedMatrix, _ x: [Float]) -> [Float] {
        precondition(x.count == shape.columns && matrix.columns == shape.columns && matrix.rows == shape.rows)
        input.pointer.update(from: x, count: x.count)
        findInputs()
        guard !groups.isEmpty else { return Array(repeating: 0, count: shape.rows) }
        var activations = input.activations(1)
        sp_quantize(pool.pointer, &activations, 1)
        withUnsafePointer(to: matrix.matrix) { matrix in
            groups.withUnsafeBufferPointer { groups in
                halves.withUnsafeBufferPointer { halves in
                    var product = sp_product()
                    product.matrix = matrix
                    product.output = output.pointer
                    product.output_stride = output.count
                    product.columns = sp_columns(
                        groups: groups.baseAddress, halves: halves.baseAddress, count: Int32(groups.count))
                    sp_multiply(pool.pointer, &product, 1, &activations, 1)
                }
            }
        }
        return Array(UnsafeBufferPointer(start: output.pointer, count: shape.rows))
    }

    /// Lists the halves where x is not zero.
    private func findInputs() {
        groups.removeAll(keepingCapacity: true)
        halves.removeAll(keepingCapacity: true)
        let half = Int(SP_HALF_COLUMNS)
        func hasInputs(_ index: Int) -> Bool {
            var bits: UInt32 = 0
            for i in half * index..<half * (index + 1) { bits |= input.pointer[i].magnitude.bitPattern }
            return bits != 0
        }
        for group in 0..<(shape.columns + 2 * half - 1) / (2 * half) {
            let found =
                (hasInputs(2 * group) ? SP_FIRST_HALF.rawValue : 0)
                | (hasInputs(2 * group + 1) ? SP_SECOND_HALF.rawValue : 0)
            guard found != 0 else { continue }
            groups.append(Int32(group))
            halves.append(UInt8(found))
        }
    }
}
