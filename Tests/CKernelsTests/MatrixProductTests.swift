import CKernels
import Checkpoints
import Foundation
import Testing

/// Every instruction set this processor has, against plain double-precision arithmetic on the same weights.
@Suite struct MatrixProductTests {
    static let types: [sp_element_type] = [
        SP_TYPE_F32, SP_TYPE_F16, SP_TYPE_BF16, SP_TYPE_Q4_0, SP_TYPE_Q4_1, SP_TYPE_Q5_0, SP_TYPE_Q5_1, SP_TYPE_Q8_0,
        SP_TYPE_Q4_K, SP_TYPE_Q5_K, SP_TYPE_Q6_K,
    ]
    static let instructionSets = (0..<sp_instruction_set_count()).map { String(cString: sp_instruction_set_name($0)) }

    /// The reader checks a tensor's range by one table, and the kernels read it by the other.
    @Test func bothSidesAgreeOnTheSizeOfBlocks() {
        #expect(TensorElementType.allCases.count == Self.types.count)
        for type in TensorElementType.allCases {
            let same = sp_element_type(type.rawValue)
            #expect(
                Int(sp_type_block_size(same)) == type.blockSize && Int(sp_type_block_bytes(same)) == type.blockBytes)
        }
    }

    /// Where a block has its scale, a half.
    private static func scaleOffset(_ type: sp_element_type) -> Int { type == SP_TYPE_Q6_K ? 208 : 0 }

    /// Random bytes of a matrix, with every scale a small positive half, and minimums of a quarter to 32 of it, most of
    /// them below zero.
    static func randomWeights(_ type: sp_element_type, rows: Int, columns: Int, _ random: inout SplitMix) -> [UInt8] {
        let blockBytes = Int(sp_type_block_bytes(type))
        let blocks = rows * columns / Int(sp_type_block_size(type))
        var bytes = (0..<blocks * blockBytes).map { _ in UInt8(truncatingIfNeeded: random.next()) }
        func setHalf(_ offset: Int, _ value: UInt16) {
            bytes[offset] = UInt8(value & 0xff)
            bytes[offset + 1] = UInt8(value >> 8)
        }
        for block in 0..<blocks {
            let start = block * blockBytes
            // 0x2400 is 1/64; the low bits vary it.
            let scale = 0x2400 | UInt16(random.next() & 0x3ff)
            switch type {
            case SP_TYPE_F32:
                let value = Float(random.unit() - 0.5)
                withUnsafeBytes(of: value) { for (i, byte) in $0.enumerated() { bytes[start + i] = byte } }
            case SP_TYPE_F16, SP_TYPE_BF16: setHalf(start, 0x3400 | UInt16(random.next() & 0x83ff))
            case SP_TYPE_Q4_0, SP_TYPE_Q5_0, SP_TYPE_Q8_0: setHalf(start, scale)
            case SP_TYPE_Q6_K: setHalf(start + scaleOffset(type), scale)
            case SP_TYPE_Q4_1, SP_TYPE_Q5_1:
                setHalf(start, scale)
                let bits = UInt16(random.next() & 0x1fff)
                setHalf(start + 2, 0x1c00 + bits % 0x1800 | (bits % 5 == 0 ? 0 : 0x8000))
            default:
                setHalf(start, scale)
                setHalf(start + 2, scale | 0x8000)
            }
        }
        return bytes
    }

    struct SplitMix {
        var state: UInt64
        mutating func next() -> UInt64 {
            state &+= 0x9e37_79b9_7f4a_7c15
            var z = state
            z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
            z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
            return z ^ (z >> 31)
        }
        mutating func unit() -> Double { Double(next() >> 11) * 0x1p-53 }
    }

    private static func withOptionalPointer<Element>(
        _ values: [Element]?, _ body: (UnsafePointer<Element>?) -> Void
    ) {
        guard let values else { return body(nil) }
        values.withUnsafeBufferPointer { body($0.baseAddress) }
    }

    private static func withOptionalPointers<First, Second>(
        _ first: [First]?, _ second: [Second]?, _ body: (UnsafePointer<First>?, UnsafePointer<Second>?) -> Void
    ) {
        withOptionalPointer(first) { first in withOptionalPointer(second) { second in body(first, second) } }
    }

    /// y = W x for every token through the packed kernels, with the weights as they are packed for it, or for another
    /// kind of product; added to a bias, one for each row of all tiles, and to outputs that are all the same.
    static func product(
        _ type: sp_element_type, _ weights: [UInt8], rows: Int, columns: Int, blockRows: Int, blockColumns: Int? = nil,
        x: [Float], tokens: Int, integers: Bool, packing: sp_packing? = nil, instructionSet: String, threads: Int = 1,
        groups: [Int32]? = nil, halves: [sp_halves]? = nil, rowOrder: [Int32]? = nil, columnOrder: [Int32]? = nil,
        bias: [Float]? = nil, outputs: Float? = nil
    ) -> (values: [Float], quantized: [Float], weights: [Float]) {
        var matrix = sp_matrix()
        let bytes = sp_matrix_layout(
            &matrix, type, packing ?? (integers ? SP_FOR_INTEGERS : SP_FOR_FLOATS), Int64(rows), Int64(columns),
            Int64(blockRows), Int64(blockColumns ?? columns))
        let data = sp_tiles_allocate(bytes)!
        let pool = sp_pool_create(Int32(threads), instructionSet)!
        defer {
            sp_tiles_free(data)
            sp_pool_destroy(pool)
        }
        withOptionalPointer(rowOrder) { rows in
            withOptionalPointer(columnOrder) { columns in
                var arrangement = sp_arrangement(rotary_pairs: 0, rows: rows, columns: columns)
                _ = sp_pack(pool, &matrix, type, weights, &arrangement, data, 0, matrix.tiles)
            }
        }
        matrix.data = UnsafePointer(data)
        let groupCount = Int(matrix.groups)
        let tokenRows = (0..<tokens).map { Int(sp_token_row(Int32($0))) }
        let rowCount = Int(sp_token_rows(Int32(tokens)))
        var values = [Float](repeating: 0, count: rowCount * groupCount * 32)
        for token in 0..<tokens {
            for i in 0..<columns { values[tokenRows[token] * groupCount * 32 + i] = x[token * columns + i] }
        }
        // Room for one more than the tokens, which no kernel may take for one of them.
        let run = Int(SP_TOKENS_TOGETHER), runs = (tokens + run - 1) / run
        let tokenStride = min(tokens, run) + 1, runStride = (groupCount + Int(SP_STEPS_AHEAD)) * tokenStride
        var quants = [Int8](repeating: 77, count: runs * runStride * 32)
        var scales = [Float](repeating: .nan, count: runs * runStride)
        var halfSums = [Int16](repeating: 0, count: 2 * scales.count)
        let stride = Int(matrix.tiles) * 16
        var output = [Float](repeating: outputs ?? .nan, count: rowCount * stride)
        values.withUnsafeMutableBufferPointer { values in
            quants.withUnsafeMutableBufferPointer { quants in
                scales.withUnsafeMutableBufferPointer { scales in
                    halfSums.withUnsafeMutableBufferPointer { halfSums in
                        output.withUnsafeMutableBufferPointer { output in
                            var input = sp_activations(
                                groups: Int32(groupCount), token_stride: Int32(tokenStride),
                                values: values.baseAddress,
                                quants: integers ? quants.baseAddress : nil, scales: scales.baseAddress,
                                half_sums: halfSums.baseAddress)
                            sp_quantize(pool, &input, Int32(tokens))
                            var step = sp_product()
                            step.output = output.baseAddress
                            step.output_stride = stride
                            step.accumulate = outputs != nil
                            withUnsafePointer(to: matrix) { matrix in
                                step.matrix = matrix
                                withOptionalPointers(bias, groups) { bias, list in
                                    step.bias = bias
                                    withOptionalPointer(halves?.map { UInt8($0.rawValue) }) { halves in
                                        step.columns = sp_columns(
                                            groups: list, halves: halves, count: Int32(groups?.count ?? 0), whole: nil)
                                        sp_multiply(pool, &step, 1, &input, Int32(tokens))
                                    }
                                }
                            }
                        }
                    }
                }
            }
        }
        let quantized = (0..<tokens).flatMap { token in
            (0..<columns).map { i in
                let at = token / run * runStride + i / 32 * tokenStride + token % run
                return Float(quants[at * 32 + i % 32]) * scales[at]
            }
        }
        let padded = Int(matrix.block_tiles) * 16
        let rowsOut = (0..<tokens).flatMap { token in
            (0..<rows).map { row in output[tokenRows[token] * stride + row / blockRows * padded + row % blockRows] }
        }
        return (rowsOut, quantized, packedRows(matrix))
    }

    /// The weights of a packed matrix, `[rows][columns]`.
    static func packedRows(_ matrix: sp_matrix) -> [Float] {
        let columns = Int(matrix.columns)
        return [Float](unsafeUninitializedCapacity: Int(matrix.rows) * columns) { buffer, count in
            withUnsafePointer(to: matrix) { matrix in
                for row in 0..<matrix.pointee.rows {
                    sp_matrix_row(matrix, row, buffer.baseAddress! + Int(row) * columns)
                }
            }
            count = buffer.count
        }
    }

    /// Holds packed weights to the checkpoint's: those that are packed for integers have minimums on levels, and scales
    /// in half precision.
    private static func expectNear(_ packed: [Float], _ exact: [Float], _ type: sp_element_type, exactly: Bool) {
        switch type {
        case SP_TYPE_Q4_1, SP_TYPE_Q5_1, SP_TYPE_Q4_K, SP_TYPE_Q5_K, SP_TYPE_Q6_K:
            guard !exactly else { break }
            for start in stride(from: 0, to: exact.count, by: 32) {
                let group = exact[start..<start + 32]
                let peak = group.map(abs).max()!
                let bound =
                    type == SP_TYPE_Q6_K ? peak * 0x1p-10 : (group.max()! - group.min()!) / 20 + peak / 240
                for i in group.indices {
                    #expect(abs(packed[i] - exact[i]) <= bound, "weight \(i) of type \(type.rawValue)")
                }
            }
            return
        default: break
        }
        #expect(packed == exact, "type \(type.rawValue)")
    }

    @Test(arguments: instructionSets, types)
    func productsAgreeWithDoublePrecision(instructionSet: String, type: sp_element_type) {
        var random = SplitMix(state: UInt64(type.rawValue) + 7)
        let block = Int(sp_type_block_size(type))
        // Odd sizes: rows that do not fill a tile, heads of 24 rows, columns that do not fill a group; panels of two
        // groups, and blocks of columns that have none.
        for (rows, columns, blockRows, blockColumns, tokens) in [
            (1, 256, 1, 256, 1), (72, 512, 24, 512, 3), (50, block == 1 ? 77 : 256, 50, block == 1 ? 7 : 256, 15),
            (48, 512, 48, 64, 5), (16, 768, 16, 96, 1), (32, 512, 32, 16, 9),
            // So many tiles that a task takes an odd number of them.
            (200, 256, 200, 256, 1),
            // More tokens than a thread takes at once.
            (40, 256, 40, 256, 140),
        ] {
            let weights = Self.randomWeights(type, rows: rows, columns: columns, &random)
            var floats = [Float](repeating: 0, count: rows * columns)
            sp_dequantize(type, weights, rows * columns, &floats)
            let x = (0..<tokens * columns).map { _ in Float(random.unit() - 0.5) * 4 }
            for integers in [false, true] {
                let (found, quantized, packed) = Self.product(
                    type, weights, rows: rows, columns: columns, blockRows: blockRows, blockColumns: blockColumns,
                    x: x, tokens: tokens, integers: integers, instructionSet: instructionSet)
                Self.expectNear(packed, floats, type, exactly: !integers)
                let input = integers && block > 1 ? quantized : x
                for token in 0..<tokens {
                    for row in 0..<rows {
                        var sum = 0.0
                        var magnitude = 0.0
                        for column in 0..<columns {
                            let term = Double(packed[row * columns + column]) * Double(input[token * columns + column])
                            sum += term
                            magnitude += abs(term)
                        }
                        // A chain of n single-precision additions is off by at most n half-units of the sum of
                        // magnitudes; the factor covers the scales' own roundings.
                        let bound = magnitude * Double(columns) * 0x1p-24 * 2 + 1e-6
                        #expect(abs(Double(found[token * rows + row]) - sum) <= bound)
                    }
                }
            }
        }
    }

    /// Integer products with tokens whose inputs are all of the largest magnitude, and the sums of the first 32 inputs
    /// of a token and of the others.
    private static func productOfExtremes(
        _ type: sp_element_type, _ weights: [UInt8], rows: Int, columns: Int, tokens: Int, instructionSet: String
    ) -> (values: [Float], weights: [Float], low: Float, high: Float) {
        let x = (0..<columns).map { Float($0 % 3 == 0 ? -127 : 127) }
        let (values, _, packed) = product(
            type, weights, rows: rows, columns: columns, blockRows: rows,
            x: Array(repeatElement(x, count: tokens).joined()), tokens: tokens, integers: true,
            instructionSet: instructionSet)
        return (values, packed, x[..<32].reduce(0, +), x[32...].reduce(0, +))
    }

    /// One token may take the groups of two tiles in turns, with one tile left; more take two tiles at a time, and many
    /// tabulate products of scales.
    @Test(arguments: instructionSets, [1, 9, 40])
    func extremeInputsStayExact(instructionSet: String, tokens: Int) {
        // Weights 255 and 0 and inputs of the largest magnitude: 8-bit sums are as large as they get.
        let (rows, columns) = (112, 64)
        var weights = [UInt8](repeating: 0, count: rows * columns / 32 * 34)
        for block in 0..<rows * columns / 32 {
            weights[block * 34 + 1] = 0x3c  // scale 1
            for i in 0..<32 { weights[block * 34 + 2 + i] = block % 2 == 0 ? 0x80 : 0x7f }
        }
        let (found, _, low, high) = Self.productOfExtremes(
            SP_TYPE_Q8_0, weights, rows: rows, columns: columns, tokens: tokens, instructionSet: instructionSet)
        #expect(found == Array(repeating: -128 * low + 127 * high, count: rows * tokens))
    }

    /// The lowest and the highest byte that a level can be.
    @Test(arguments: instructionSets, [1, 9, 40])
    func extremeLevelsStayExact(instructionSet: String, tokens: Int) {
        // Scale 1 and minimums whose levels are 0, 15, 30 and so on, or 120, 129 up to 255; the lowest or the highest
        // quants.
        let (rows, columns) = (112, 64)
        var weights: [UInt8] = []
        for block in 0..<rows * columns / 32 {
            let minimum = Float16(block % 2 == 0 ? -8.5234375 : -0.83642578125).bitPattern
            weights += [0, 0x3c, UInt8(minimum & 0xff), UInt8(minimum >> 8)]
            weights += [UInt8](repeating: block / 2 % 2 == 0 ? 0 : 0xff, count: 16)
        }
        let (found, packed, low, high) = Self.productOfExtremes(
            SP_TYPE_Q4_1, weights, rows: rows, columns: columns, tokens: tokens, instructionSet: instructionSet)
        #expect(abs(packed[columns] / packed[0] - (225 - 128) / (0 - 128)) < 1e-5)
        #expect(abs(packed[columns + 32] / packed[32] - (255 - 128) / (120 - 128)) < 1e-5)
        for row in 0..<rows {
            let (first, second) = (packed[row * columns], packed[row * columns + 32])
            // Integers are exact, and a scale has few digits.
            let expected = Double(first) * Double(low) + Double(second) * Double(high)
            let magnitude = 127 * 32 * Double(abs(first) + abs(second))
            for token in 0..<tokens {
                #expect(abs(Double(found[token * rows + row]) - expected) <= magnitude * 0x1p-22)
            }
        }
    }

    /// Whoever packs a matrix is told that products of it would be no numbers.
    @Test(arguments: [(SP_TYPE_F32, [0, 0, 0x80, 0xff]), (SP_TYPE_F16, [0, 0x7e]), (SP_TYPE_BF16, [0x80, 0x7f])])
    func weightsThatAreNoNumbersAreReported(type: sp_element_type, bad: [UInt8]) {
        let pool = sp_pool_create(2, nil)!
        defer { sp_pool_destroy(pool) }
        var matrix = sp_matrix()
        let data = sp_tiles_allocate(sp_matrix_layout(&matrix, type, SP_FOR_INTEGERS, 40, 96, 40, 96))!
        defer { sp_tiles_free(data) }
        var arrangement = sp_arrangement()
        let sound = [UInt8](repeating: 0x11, count: 40 * 96 * bad.count)
        #expect(sp_pack(pool, &matrix, type, sound, &arrangement, data, 0, matrix.tiles))
        for place in [0, 39 * 96 + 95] {
            var weights = sound
            weights.replaceSubrange(bad.count * place..<bad.count * (place + 1), with: bad)
            #expect(!sp_pack(pool, &matrix, type, weights, &arrangement, data, 0, matrix.tiles))
        }
    }

    @Test(arguments: types)
    func scalesThatAreNoNumbersAreReported(type: sp_element_type) {
        guard sp_type_block_size(type) > 1 else { return }
        var random = SplitMix(state: 8)
        let sound = Self.randomWeights(type, rows: 16, columns: 256, &random)
        let scale = Self.scaleOffset(type), blockBytes = Int(sp_type_block_bytes(type))
        let pool = sp_pool_create(2, nil)!
        defer { sp_pool_destroy(pool) }
        for packing in [SP_FOR_FLOATS, SP_FOR_INTEGERS] {
            var matrix = sp_matrix()
            let data = sp_tiles_allocate(sp_matrix_layout(&matrix, type, packing, 16, 256, 16, 256))!
            defer { sp_tiles_free(data) }
            for half: [UInt8] in [[0, 0x24], [0, 0x7e], [0, 0xfc]] {
                var weights = sound
                weights.replaceSubrange(5 * blockBytes + scale..<5 * blockBytes + scale + 2, with: half)
                var arrangement = sp_arrangement()
                #expect(sp_pack(pool, &matrix, type, weights, &arrangement, data, 0, 1) == (half[1] == 0x24))
            }
        }
    }

    @Test(arguments: instructionSets, [1, 9, 40])
    func zeroAndTinyInputsGiveNoNaN(instructionSet: String, tokens: Int) {
        var random = SplitMix(state: 3)
        let weights = Self.randomWeights(SP_TYPE_Q4_1, rows: 16, columns: 64, &random)
        for value in [0, Float.leastNonzeroMagnitude, 1e-38, 1e30] {
            let (found, _, _) = Self.product(
                SP_TYPE_Q4_1, weights, rows: 16, columns: 64, blockRows: 16,
                x: Array(repeating: value, count: 64 * tokens), tokens: tokens, integers: true,
                instructionSet: instructionSet)
            #expect(found.allSatisfy { $0.isFinite })
        }
    }

    /// Inputs of any magnitude, rows whose scales are 0 here and there, and rows of padding.
    @Test(arguments: instructionSets, types)
    func aTokensProductsAreTheSameInEveryBatch(instructionSet: String, type: sp_element_type) {
        var random = SplitMix(state: 21)
        let (rows, columns) = (104, 512)
        var weights = Self.randomWeights(type, rows: rows, columns: columns, &random)
        let blockBytes = Int(sp_type_block_bytes(type))
        for start in stride(from: 0, to: weights.count, by: 3 * blockBytes) {
            let scale = start + Self.scaleOffset(type)
            weights[scale] = 0
            weights[scale + 1] = 0
        }
        let tokens = 140
        let x = (0..<tokens * columns).map { i in
            Float(scalbn(random.unit() - 0.5, (i / 32 &* 37) % 121 - 60))
        }
        for integers in [false, true] {
            func run(_ tokens: Range<Int>) -> [Float] {
                Self.product(
                    type, weights, rows: rows, columns: columns, blockRows: rows,
                    x: Array(x[tokens.lowerBound * columns..<tokens.upperBound * columns]), tokens: tokens.count,
                    integers: integers, instructionSet: instructionSet
                ).values
            }
            let together = run(0..<tokens)
            for batch in [0..<1, 1..<3, 3..<12, 12..<52, 139..<140] {
                let isSame = run(batch).elementsEqual(together[batch.lowerBound * rows..<batch.upperBound * rows])
                #expect(isSame, "tokens \(batch), integers: \(integers)")
            }
            #expect(together.allSatisfy { $0.isFinite })
        }
    }

    /// Products are added to a bias, to what their outputs hold, or to both, in batches of every size that kernels
    /// treat differently.
    @Test(arguments: instructionSets, [SP_TYPE_F16, SP_TYPE_Q4_1, SP_TYPE_Q6_K])
    func productsAreAddedToBiasAndOutputs(instructionSet: String, type: sp_element_type) {
        var random = SplitMix(state: 22)
        let (rows, columns, tokens) = (40, 256, 140)
        let weights = Self.randomWeights(type, rows: rows, columns: columns, &random)
        let x = (0..<tokens * columns).map { _ in Float(random.unit() - 0.5) }
        let someBias = (0..<48).map { Float($0 % 7) / 4 - 0.75 }
        for (bias, outputs) in [(someBias, nil), (nil, 0.625), (someBias, 0.625), (nil, -0.0)] as [([Float]?, Float?)] {
            func run(_ batch: Range<Int>, bias: [Float]?, outputs: Float?) -> [Float] {
                Self.product(
                    type, weights, rows: rows, columns: columns, blockRows: rows,
                    x: Array(x[batch.lowerBound * columns..<batch.upperBound * columns]), tokens: batch.count,
                    integers: true, instructionSet: instructionSet, bias: bias, outputs: outputs
                ).values
            }
            let products = run(0..<tokens, bias: nil, outputs: nil)
            let sums = run(0..<tokens, bias: bias, outputs: outputs)
            for i in sums.indices {
                let expected = products[i] + (bias?[i % rows] ?? 0) + (outputs ?? 0)
                #expect(abs(sums[i] - expected) <= 1e-5 * (1 + abs(products[i])))
            }
            for batch in [0..<1, 1..<3, 3..<12, 12..<52] {
                let alone = run(batch, bias: bias, outputs: outputs)
                let together = sums[batch.lowerBound * rows..<batch.upperBound * rows]
                #expect(zip(alone, together).allSatisfy { $0.bitPattern == $1.bitPattern }, "tokens \(batch)")
            }
        }
    }

    @Test(arguments: instructionSets)
    func skippedColumnGroupsEqualZeroInputs(instructionSet: String) {
        var random = SplitMix(state: 11)
        let weights = Self.randomWeights(SP_TYPE_Q4_1, rows: 32, columns: 128, &random)
        var x = (0..<128).map { _ in Float(random.unit() - 0.5) }
        for i in 32..<96 { x[i] = 0 }
        func run(_ groups: [Int32]?) -> [Float] {
            Self.product(
                SP_TYPE_Q4_1, weights, rows: 32, columns: 128, blockRows: 32, x: x, tokens: 1, integers: true,
                instructionSet: instructionSet, groups: groups
            ).values
        }
        #expect(run([0, 3]) == run(nil))
    }

    /// Half a group's columns alone give what the whole group does with zeros in the other half, for every number of
    /// tokens that kernels treat differently.
    @Test(arguments: instructionSets, types)
    func skippedHalvesEqualZeroInputs(instructionSet: String, type: sp_element_type) {
        var random = SplitMix(state: 12)
        let (rows, columns) = (112, 256)
        let weights = Self.randomWeights(type, rows: rows, columns: columns, &random)
        let groups: [Int32] = [0, 2, 3, 7], halves = [SP_SECOND_HALF, SP_FIRST_HALF, SP_BOTH_HALVES, SP_FIRST_HALF]
        for tokens in [1, 2, 3, 4, 9, 70] {
            var x = [Float](repeating: 0, count: tokens * columns)
            for token in 0..<tokens {
                for (group, halves) in zip(groups, halves) {
                    for i in 0..<32 where halves.rawValue & (i < 16 ? 1 : 2) != 0 {
                        x[token * columns + Int(group) * 32 + i] = Float(random.unit() - 0.5)
                    }
                }
            }
            for integers in [false, true] {
                func run(_ groups: [Int32]?, _ halves: [sp_halves]?) -> [Float] {
                    Self.product(
                        type, weights, rows: rows, columns: columns, blockRows: rows,
                        blockColumns: groups == nil ? columns : 16, x: x, tokens: tokens, integers: integers,
                        instructionSet: instructionSet, groups: groups, halves: halves
                    ).values
                }
                #expect(run(groups, halves) == run(nil, nil), "\(tokens) tokens, integers: \(integers)")
            }
        }
    }

    /// A matrix packed in another order of rows and columns gives the same products in that order of rows, of inputs in
    /// that order of columns.
    @Test(arguments: types)
    func packingInAnotherOrderMovesRowsAndColumns(type: sp_element_type) {
        var random = SplitMix(state: 13)
        let (rows, columns, tokens) = (64, 256, 3)
        let weights = Self.randomWeights(type, rows: rows, columns: columns, &random)
        // Groups backwards, and each half of a group, which every format allows.
        let rowOrder = (0..<Int32(rows)).map { row -> Int32 in row / 32 * 32 + 31 - row % 32 }
        let columnOrder = (0..<Int32(columns)).map { column -> Int32 in
            (Int32(columns) - 32 - column / 32 * 32) + column % 32 / 16 * 16 + 15 - column % 16
        }
        let x = (0..<tokens * columns).map { _ in Float(random.unit() - 0.5) }
        let moved = (0..<tokens).flatMap { token -> [Float] in columnOrder.map { x[token * columns + Int($0)] } }
        for integers in [false, true] {
            func run(_ x: [Float], _ rowOrder: [Int32]?, _ columnOrder: [Int32]?) -> [Float] {
                Self.product(
                    type, weights, rows: rows, columns: columns, blockRows: rows, x: x, tokens: tokens,
                    integers: integers, instructionSet: "portable", rowOrder: rowOrder, columnOrder: columnOrder
                ).values
            }
            let plain = run(x, nil, nil)
            let ordered = run(moved, rowOrder, columnOrder)
            for token in 0..<tokens {
                for row in 0..<rows {
                    let (found, expected) = (
                        ordered[token * rows + row], plain[token * rows + Int(rowOrder[row])]
                    )
                    // Sums of 256 products in another order, in single precision.
                    #expect(abs(found - expected) < 1e-4 * max(1, abs(expected)))
                }
            }
        }
    }

    @Test(arguments: [1, 11]) func threadsDoNotChangeResults(tokens: Int) {
        var random = SplitMix(state: 5)
        let weights = Self.randomWeights(SP_TYPE_Q4_K, rows: 200, columns: 256, &random)
        let x = (0..<tokens * 256).map { _ in Float(random.unit() - 0.5) }
        let results = [1, 2, 3, 8].map { threads in
            Self.product(
                SP_TYPE_Q4_K, weights, rows: 200, columns: 256, blockRows: 200, x: x, tokens: tokens, integers: true,
                instructionSet: Self.instructionSets[0], threads: threads
            ).values
        }
        #expect(results.allSatisfy { $0 == results[0] })
    }

    @Test func unusableSizesAreRefused() {
        var matrix = sp_matrix()
        #expect(sp_matrix_layout(&matrix, SP_TYPE_Q4_1, SP_FOR_FLOATS, 0, 32, 1, 32) == 0)
        #expect(sp_matrix_layout(&matrix, SP_TYPE_Q4_1, SP_FOR_FLOATS, 16, 33, 16, 33) == 0)
        #expect(sp_matrix_layout(&matrix, SP_TYPE_Q4_1, SP_FOR_FLOATS, 16, 32, 5, 32) == 0)
        #expect(sp_matrix_layout(&matrix, SP_TYPE_Q4_1, SP_FOR_FLOATS, 16, 64, 16, 48) == 0)
        #expect(sp_matrix_layout(&matrix, SP_TYPE_F32, SP_FOR_FLOATS, 1 << 40, 32, 16, 32) == 0)
        #expect(sp_matrix_layout(&matrix, sp_element_type(99), SP_FOR_FLOATS, 16, 32, 16, 32) == 0)
    }
}
