import CKernels
import Checkpoints

/// Reads tensors of a checkpoint, checking that they are there and of the expected shape.
final class TensorLoader {
    private let file: GGUFFile
    private let precision: DecoderModel.Precision
    private let pool: WorkerPool
    private let arena: WeightArena
    /// The names of the tensors that were asked for.
    private var asked: Set<String> = []

    init(_ file: GGUFFile, _ precision: DecoderModel.Precision, _ pool: WorkerPool) {
        self.file = file
        self.precision = precision
        self.pool = pool
        arena = WeightArena(expecting: file.tensors.reduce(0) { $0 + $1.range.count })
    }

    func matrix(
        _ name: String, rows: Int, columns: Int, blockRows: Int? = nil, blockColumns: Int? = nil,
        rotaryPairs: Int = 0, rowOrder: [Int32]? = nil, columnOrder: [Int32]? = nil, isSearched: Bool = false
    ) throws(CheckpointError) -> PackedMatrix {
        asked.insert(name)
        return try PackedMatrix(
            file.requiredTensor(name), of: file, rows: rows, columns: columns, blockRows: blockRows,
            blockColumns: blockColumns, rotaryPairs: rotaryPairs,
            rowOrder: rowOrder, columnOrder: columnOrder, precision: precision, isSearched: isSearched, arena: arena,
            pool: pool)
    }

    func vector(_ name: String, count: Int) throws(CheckpointError) -> [Float] {
        try values(of: file.requiredTensor(name), count: count)
    }

    func optionalVector(_ name: String, count: Int) throws(CheckpointError) -> [Float]? {
        guard let tensor = file.tensor(name) else { return nil }
        return try values(of: tensor, count: count)
    }

    private func values(of tensor: GGUFTensor, count: Int) throws(CheckpointError) -> [Float] {
        asked.insert(tensor.name)
        guard tensor.elementCount == count else {
            throw file.failure(.malformed, tensor.name, "has \(tensor.elementCount) values, expected \(count)")
        }
        let values = [Float](unsafeUninitializedCapacity: count) { buffer, initialized in
            sp_dequantize(
                sp_element_type(tensor.type.rawValue), file.bytes(of: tensor).baseAddress, count, buffer.baseAddress)
            initialized = count
        }
        guard values.allSatisfy(\.isFinite) else {
            throw file.failure(.malformed, tensor.name, "has values that are no numbers")
        }
        return values
    }

    /// Once all is read: a tensor that is left over would change what the model computes.
    ///
    /// - Throws: ``CheckpointError`` that names the first one.
    func checkNothingIsLeft() throws(CheckpointError) {
        // Old converters wrote the frequencies of rotations, which follow from the hyperparameters.
        let harmless = [".attn_rot_embd", ".attn.rot_embd", ".rotary_emb.inv_freq"]
        for tensor in file.tensors
        where !asked.contains(tensor.name) && !harmless.contains(where: tensor.name.contains) {
            throw file.failure(
                .unsupported, tensor.name, "this version does not know what the model does with this tensor")
        }
    }

    /// A bias laid out like the output of `matrix`, whose rows come in heads.
    func headBias(_ name: String, of matrix: PackedMatrix, rotaryPairs: Int) throws -> AlignedBuffer<Float>? {
        guard let values = try optionalVector(name, count: matrix.rows) else { return nil }
        let headSize = Int(matrix.matrix.block_rows)
        let padded = try AlignedBuffer<Float>(count: matrix.outputStride, for: name)
        for (row, value) in values.enumerated() {
            var inner = row % headSize
            if inner < 2 * rotaryPairs { inner = (inner % 2) * rotaryPairs + inner / 2 }
            padded.pointer[row / headSize * matrix.blockStride + inner] = value
        }
        return padded
    }
}
