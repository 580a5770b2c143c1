import CKernels

/// `W_i x_i` of matrices of one shape, each by a vector of its own, all in one parallel step. Buffers serve any number
/// of calls.
public final class VectorProducts {
    private let inputs: [ActivationBuffer]
    private let outputs: AlignedBuffer<Float>
    private let pool: WorkerPool
    private let shape: (rows: Int, columns: Int)
    private let outputStride: Int
    /// The groups of 32 columns where an input is not zero and which halves of each, one input after the other.
    private var groups: [Int32] = []
    private var halves: [UInt8] = []

    /// - Parameters:
    ///   - matrix: one of the shape, whose rows are one block.
    ///   - count: how many matrices a call takes at most.
    ///   - precision: that of the products, as of a token's.
    public init(
        shapedAs matrix: PackedMatrix, count: Int, on pool: WorkerPool, precision: DecoderModel.Precision = .float32
    ) throws(DecoderError) {
        precondition(matrix.matrix.block_rows == matrix.matrix.rows)
        inputs = try (0..<count).map { _ throws(DecoderError) in
            try ActivationBuffer(width: matrix.columns, tokens: 1, quantized: precision == .int8)
        }
        outputs = try AlignedBuffer(count: matrix.outputStride * count, for: "matrix products")
        self.pool = pool
        shape = (matrix.rows, matrix.columns)
        outputStride = matrix.outputStride
    }

    /// `W_i x_i`, `[matrices][rows]`; half groups of 32 columns where an input is zero are not read.
    ///
    /// - Parameter input: writes all `[columns]` values of `x_i`.
    public func callAsFunction(
        _ matrices: [PackedMatrix], input: (_ index: Int, _ x: UnsafeMutableBufferPointer<Float>) -> Void
    ) -> [[Float]] {
        precondition(matrices.count <= inputs.count)
        groups.removeAll(keepingCapacity: true)
        halves.removeAll(keepingCapacity: true)
        let ranges = matrices.indices.map { index in
            precondition(matrices[index].rows == shape.rows && matrices[index].columns == shape.columns)
            input(index, UnsafeMutableBufferPointer(start: inputs[index].pointer, count: shape.columns))
            var activations = inputs[index].activations(1)
            sp_quantize(pool.pointer, &activations, 1)
            return appendColumns(of: inputs[index])
        }
        multiply(matrices, ranges)
        return matrices.indices.map { index in
            ranges[index].isEmpty
                ? Array(repeating: 0, count: shape.rows)
                : Array(UnsafeBufferPointer(start: outputs.pointer + outputStride * index, count: shape.rows))
        }
    }

    private func multiply(_ matrices: [PackedMatrix], _ ranges: [Range<Int>]) {
        let packed = matrices.map(\.matrix)
        packed.withUnsafeBufferPointer { packed in
            groups.withUnsafeBufferPointer { groups in
                halves.withUnsafeBufferPointer { halves in
                    let read = ranges.indices.filter { !ranges[$0].isEmpty }
                    let products = read.map { index in
                        let range = ranges[index]
                        var product = sp_product()
                        product.matrix = packed.baseAddress! + index
                        product.output = outputs.pointer + outputStride * index
                        product.output_stride = outputStride
                        product.columns = sp_columns(
                            groups: groups.baseAddress! + range.lowerBound,
                            halves: halves.baseAddress! + range.lowerBound, count: Int32(range.count), whole: nil)
                        return product
                    }
                    let activations = read.map { inputs[$0].activations(1) }
                    sp_multiply_each(pool.pointer, products, activations, Int32(read.count))
                }
            }
        }
    }

    /// Lists the halves where an input is not zero.
    ///
    /// - Returns: their place in the lists.
    private func appendColumns(of input: ActivationBuffer) -> Range<Int> {
        let values = input.pointer
        let first = groups.count
        let half = Int(SP_HALF_COLUMNS)
        func hasInputs(_ index: Int) -> Bool {
            var bits: UInt32 = 0
            for i in half * index..<half * (index + 1) { bits |= values[i].magnitude.bitPattern }
            return bits != 0
        }
        for group in 0..<input.stride / (2 * half) {
            let found =
                (hasInputs(2 * group) ? SP_FIRST_HALF.rawValue : 0)
                | (hasInputs(2 * group + 1) ? SP_SECOND_HALF.rawValue : 0)
            guard found != 0 else { continue }
            groups.append(Int32(group))
            halves.append(UInt8(found))
        }
        return first..<groups.count
    }
}
