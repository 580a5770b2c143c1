import CKernels
import Testing

/// Weights in two parts, and the search that leaves most of the lower ones out, against plain products.
@Suite struct LargestOutputTests {
    static let instructionSets = MatrixProductTests.instructionSets

    /// A matrix of Q8_0 blocks and the integer form of one input.
    private final class Search {
        let pool: OpaquePointer
        var matrix = sp_matrix()
        private var plain = sp_matrix()
        private var memory: [UnsafeMutablePointer<UInt8>] = []
        private var values: [Float]
        private var quants: [Int8]
        private var scales: [Float]
        private var halfSums: [Int16]
        private var outputs: [Float]
        private(set) var norms: [Float]
        private let slack: Float

        init(_ weights: [UInt8], rows: Int, columns: Int, instructionSet: String, threads: Int32 = 2) {
            pool = sp_pool_create(threads, instructionSet)!
            for packing in [SP_FOR_LARGEST, SP_FOR_INTEGERS] {
                var packed = sp_matrix()
                let bytes = sp_matrix_layout(
                    &packed, SP_TYPE_Q8_0, packing, Int64(rows), Int64(columns), Int64(rows), Int64(columns))
                let data = sp_tiles_allocate(bytes)!
                memory.append(data)
                var arrangement = sp_arrangement()
                #expect(sp_pack(pool, &packed, SP_TYPE_Q8_0, weights, &arrangement, data, 0, packed.tiles))
                packed.data = UnsafePointer(data)
                if packing == SP_FOR_LARGEST { matrix = packed } else { plain = packed }
            }
            let groups = columns / 32
            values = Array(repeating: 0, count: columns)
            quants = Array(repeating: 0, count: columns)
            scales = Array(repeating: 0, count: groups)
            halfSums = Array(repeating: 0, count: 2 * groups)
            outputs = Array(repeating: .nan, count: Int(matrix.tiles) * 16)
            norms = Array(repeating: .nan, count: outputs.count)
            slack = sp_measure_lower_parts(&matrix, &norms)
        }

        deinit {
            for data in memory { sp_tiles_free(data) }
            sp_pool_destroy(pool)
        }

        private func withInput<Result>(_ body: (UnsafePointer<sp_activations>) -> Result) -> Result {
            values.withUnsafeMutableBufferPointer { values in
                quants.withUnsafeMutableBufferPointer { quants in
                    scales.withUnsafeMutableBufferPointer { scales in
                        halfSums.withUnsafeMutableBufferPointer { halfSums in
                            var input = sp_activations(
                                groups: matrix.groups, token_stride: 1, values: values.baseAddress,
                                quants: quants.baseAddress, scales: scales.baseAddress,
                                half_sums: halfSums.baseAddress)
                            return body(&input)
                        }
                    }
                }
            }
        }

        func take(_ input: [Float]) {
            values = input
            withInput { sp_quantize(pool, $0, 1) }
        }

        /// All outputs, of the matrix whose weights have one part or two.
        func product(inParts: Bool, whole: [UInt8]? = nil) -> [Float] {
            withUnsafePointer(to: inParts ? matrix : plain) { matrix in
                outputs.withUnsafeMutableBufferPointer { outputs in
                    var product = sp_product()
                    product.matrix = matrix
                    product.output = outputs.baseAddress
                    withInput { input in
                        guard let whole else { return sp_multiply(pool, &product, 1, input, 1) }
                        whole.withUnsafeBufferPointer {
                            product.columns.whole = $0.baseAddress
                            sp_multiply(pool, &product, 1, input, 1)
                        }
                    }
                }
            }
            return Array(outputs[..<Int(matrix.rows)])
        }

        func largest() -> sp_largest {
            var tiles = [Int32](repeating: -1, count: Int(matrix.tiles))
            var whole = [UInt8](repeating: 7, count: Int(matrix.groups))
            return tiles.withUnsafeMutableBufferPointer { tiles in
                whole.withUnsafeMutableBufferPointer { whole in
                    outputs.withUnsafeMutableBufferPointer { outputs in
                        norms.withUnsafeBufferPointer { norms in
                            withUnsafePointer(to: matrix) { matrix in
                                var search = sp_largest_search(
                                    matrix: matrix, norms: norms.baseAddress, slack: slack,
                                    outputs: outputs.baseAddress, tiles: tiles.baseAddress, whole: whole.baseAddress)
                                return withInput { sp_find_largest(pool, &search, $0) }
                            }
                        }
                    }
                }
            }
        }

        var rows: (inParts: [Float], plain: [Float]) {
            (MatrixProductTests.packedRows(matrix), MatrixProductTests.packedRows(plain))
        }
    }

    private static func randomInput(_ columns: Int, _ random: inout MatrixProductTests.SplitMix) -> [Float] {
        // A few that are much larger than the others, as in a model's last hidden state.
        (0..<columns).map { Float(random.unit() - 0.5) * ($0 % 97 == 5 ? 30 : 1) }
    }

    @Test(arguments: instructionSets)
    func partsMakeTheSameWeights(instructionSet: String) {
        var random = MatrixProductTests.SplitMix(state: 1)
        for (rows, columns) in [(1, 32), (16, 64), (40, 96), (300, 576)] {
            let weights = MatrixProductTests.randomWeights(SP_TYPE_Q8_0, rows: rows, columns: columns, &random)
            let search = Search(weights, rows: rows, columns: columns, instructionSet: instructionSet)
            #expect(search.rows.inParts == search.rows.plain)
            search.take(Self.randomInput(columns, &random))
            #expect(search.product(inParts: true) == search.product(inParts: false))
        }
    }

    /// Batches of many tokens have kernels of their own, and products in single precision unpack by themselves.
    @Test(arguments: instructionSets, [1, 2, 9, 40, 129])
    func batchesTakeParts(instructionSet: String, tokens: Int) {
        var random = MatrixProductTests.SplitMix(state: UInt64(tokens))
        let (rows, columns) = (72, 96)
        let weights = MatrixProductTests.randomWeights(SP_TYPE_Q8_0, rows: rows, columns: columns, &random)
        let x = (0..<tokens * columns).map { _ in Float(random.unit() - 0.5) }
        func product(_ packing: sp_packing, takesIntegers: Bool) -> [Float] {
            MatrixProductTests.product(
                SP_TYPE_Q8_0, weights, rows: rows, columns: columns, blockRows: rows, x: x, tokens: tokens,
                integers: takesIntegers, packing: packing, instructionSet: instructionSet
            ).values
        }
        for takesIntegers in [true, false] {
            #expect(
                product(SP_FOR_LARGEST, takesIntegers: takesIntegers)
                    == product(SP_FOR_INTEGERS, takesIntegers: takesIntegers))
        }
    }

    /// What is left out is what stands for it, and no more than the norms say.
    @Test(arguments: instructionSets)
    func lowerPartsMayBeLeftOut(instructionSet: String) {
        var random = MatrixProductTests.SplitMix(state: 3)
        let (rows, columns) = (40, 160)
        let weights = MatrixProductTests.randomWeights(SP_TYPE_Q8_0, rows: rows, columns: columns, &random)
        let whole: [UInt8] = [0, 1, 0, 0, 1]
        var without = weights
        for block in 0..<rows * columns / 32 where whole[block % 5] == 0 {
            for i in block * 34 + 2..<block * 34 + 34 {
                without[i] = ((without[i] &+ 128) & ~3 | UInt8(SP_MIDDLE_OF_LOWER)) &- 128
            }
        }
        let search = Search(weights, rows: rows, columns: columns, instructionSet: instructionSet)
        let other = Search(without, rows: rows, columns: columns, instructionSet: instructionSet)
        for _ in 0..<20 {
            let x = Self.randomInput(columns, &random)
            search.take(x)
            other.take(x)
            let found = search.product(inParts: true, whole: whole)
            #expect(found == other.product(inParts: false))
            let norm = (0..<columns).reduce(Float(0)) { whole[$1 / 32] == 0 ? $0 + x[$1] * x[$1] : $0 }.squareRoot()
            for (row, output) in search.product(inParts: false).enumerated() {
                // Inputs are rounded, which may make their norm a little larger.
                #expect(abs(output - found[row]) <= search.norms[row] * norm * 1.02)
            }
        }
    }

    @Test(arguments: instructionSets)
    func theSearchFindsWhatAllOutputsSay(instructionSet: String) {
        var random = MatrixProductTests.SplitMix(state: 4)
        var (tiles, computed) = (0, 0)
        for (rows, columns) in [(1, 32), (17, 64), (1000, 576), (4001, 96)] {
            let weights = MatrixProductTests.randomWeights(SP_TYPE_Q8_0, rows: rows, columns: columns, &random)
            let search = Search(weights, rows: rows, columns: columns, instructionSet: instructionSet)
            for i in 0..<30 {
                search.take(Self.randomInput(columns, &random).map { i % 3 == 0 ? $0 * 1e30 : $0 })
                let outputs = search.product(inParts: false)
                let expected = outputs.indices.first { outputs[$0] == outputs.max()! }!
                let found = search.largest()
                #expect(Int(found.row) == expected && found.output == outputs[expected])
                if rows == 1000 { (tiles, computed) = (tiles + 63, computed + Int(found.tiles)) }
            }
        }
        // It is worth its while even where outputs are all of one kind, which those of a model are not.
        #expect(computed * 2 < tiles)
    }

    @Test(arguments: instructionSets)
    func theFirstOfEqualRowsIsFound(instructionSet: String) {
        var random = MatrixProductTests.SplitMix(state: 5)
        let columns = 64
        let row = MatrixProductTests.randomWeights(SP_TYPE_Q8_0, rows: 1, columns: columns, &random)
        let search = Search(
            (0..<100).flatMap { _ in row }, rows: 100, columns: columns, instructionSet: instructionSet)
        for sign: Float in [1, -1, 0] {
            search.take(Self.randomInput(columns, &random).map { $0 * sign })
            let found = search.largest()
            #expect(found.row == 0 && found.tiles == 7 && found.output == search.product(inParts: false)[0])
        }
    }

    @Test(arguments: instructionSets)
    func whatIsNoNumberIsFound(instructionSet: String) {
        var random = MatrixProductTests.SplitMix(state: 6)
        let (rows, columns) = (100, 96)
        let weights = MatrixProductTests.randomWeights(SP_TYPE_Q8_0, rows: rows, columns: columns, &random)
        let search = Search(weights, rows: rows, columns: columns, instructionSet: instructionSet)
        for bad: Float in [.nan, .infinity, -.infinity] {
            var x = Self.randomInput(columns, &random)
            x[40] = bad
            search.take(x)
            #expect(!search.largest().output.isFinite)
        }
    }

    /// The last tile of a matrix may hold rows of zeros, whose outputs are larger than all others.
    @Test(arguments: instructionSets)
    func paddingIsNeverTheLargest(instructionSet: String) {
        var random = MatrixProductTests.SplitMix(state: 7)
        let (rows, columns) = (35, 32)
        var weights = MatrixProductTests.randomWeights(SP_TYPE_Q8_0, rows: rows, columns: columns, &random)
        for block in 0..<rows { for i in 2..<34 { weights[block * 34 + i] = UInt8(bitPattern: -Int8(1 + block)) } }
        let search = Search(weights, rows: rows, columns: columns, instructionSet: instructionSet)
        search.take(Array(repeating: 1, count: columns))
        let outputs = search.product(inParts: false)
        let found = search.largest()
        #expect(found.output < 0 && found.output == outputs.max()! && outputs[Int(found.row)] == found.output)
    }

    @Test func otherMatricesHaveNoSearch() {
        var matrix = sp_matrix()
        _ = sp_matrix_layout(&matrix, SP_TYPE_Q4_1, SP_FOR_LARGEST, 32, 64, 32, 64)
        #expect(!sp_has_largest_search(&matrix))
        _ = sp_matrix_layout(&matrix, SP_TYPE_Q8_0, SP_FOR_LARGEST, 32, 64, 16, 64)
        #expect(!sp_has_largest_search(&matrix))
        _ = sp_matrix_layout(&matrix, SP_TYPE_Q8_0, SP_FOR_LARGEST, 32, 64, 32, 32)
        #expect(!sp_has_largest_search(&matrix))
        _ = sp_matrix_layout(&matrix, SP_TYPE_Q8_0, SP_FOR_LARGEST, 32, 64, 32, 64)
        #expect(sp_has_largest_search(&matrix))
    }
}
