import CKernels
import Testing

/// What becomes of a group's minimum where it is packed for products in integers.
@Suite struct WeightLevelsTests {
    /// One group of Q4_1 or Q5_1 with every quant in it: the checkpoint's weights and the packed ones.
    private func weights(_ type: sp_element_type, scale: Float, minimum: Float) -> (exact: [Float], packed: [Float]) {
        var block = [UInt8](repeating: 0, count: Int(sp_type_block_bytes(type)))
        for (place, value) in [scale, minimum].enumerated() {
            let bits = Float16(value).bitPattern
            block[2 * place] = UInt8(bits & 0xff)
            block[2 * place + 1] = UInt8(bits >> 8)
        }
        let nibbles = block.count - 16
        for i in 0..<16 { block[nibbles + i] = UInt8(i | (15 - i) << 4) }
        // The fifth bits: quants 0, 2, 4 and so on are 16 more.
        if type == SP_TYPE_Q5_1 { for i in 4..<8 { block[i] = 0x55 } }
        var exact = [Float](repeating: 0, count: 32)
        sp_dequantize(type, block, 32, &exact)
        var matrix = sp_matrix()
        let data = sp_tiles_allocate(sp_matrix_layout(&matrix, type, SP_FOR_INTEGERS, 1, 32, 1, 32))!
        defer { sp_tiles_free(data) }
        var arrangement = sp_arrangement()
        _ = sp_matrix_pack(&matrix, type, block, &arrangement, data, 0, 1)
        matrix.data = UnsafePointer(data)
        return (exact, MatrixProductTests.packedRows(matrix))
    }

    private func largestError(_ type: sp_element_type, scale: Float, minimum: Float) -> Float {
        let (exact, packed) = weights(type, scale: scale, minimum: minimum)
        return zip(exact, packed).map { abs($0 - $1) }.max()!
    }

    /// What rounding a scale makes of a group's outer weights, in scales: half of the spacing of what it can be, times
    /// the quants between them and the middle. A scale has 7 bits after the first, with 32 quants 8, or is one of
    /// numbers that are 2^-29 apart, or 2^-30.
    private func rounding(scale: Float) -> Float { 16 / 2 * (0x1p-8 + 8 * 0x1p-30 / abs(scale)) }

    /// A first level is off by at most half a level. Where a group reaches from 0 in one direction, its scale has 8 of
    /// them; 4 where there are 32 quants.
    @Test(arguments: [(SP_TYPE_Q4_1, Float(15), Float(8)), (SP_TYPE_Q5_1, 31, 4)])
    func minimumsOfModelsKeepTheirPlace(type: sp_element_type, largest: Float, parts: Float) {
        var random = MatrixProductTests.SplitMix(state: 4)
        for scale: Float in [0.01, -0.3, 1, 0x1p-14, 3e-6] {
            let scale = Float(Float16(scale))
            let rounding = rounding(scale: scale)
            var squares: Float = 0
            for _ in 0..<500 {
                let minimum = Float(Float16(-Float(random.unit()) * largest * scale))
                let error = largestError(type, scale: scale, minimum: minimum) / abs(scale)
                #expect(error <= 0.5 / parts + rounding, "scale \(scale), minimum \(minimum)")
                squares += error * error
            }
            // On average they are much nearer.
            #expect((squares / 500).squareRoot() < 0.22 / parts + rounding / 2, "scale \(scale)")
        }
    }

    @Test(arguments: [(SP_TYPE_Q4_1, Float(15)), (SP_TYPE_Q5_1, Float(31))])
    func minimumsFarFromZeroStayNear(type: sp_element_type, largest: Float) {
        for sign: Float in [1, -1] {
            for ratio: Float in [1, 16.5, 40.5, 80.25, 95.5, 96] {
                let error = largestError(type, scale: 0.01, minimum: sign * ratio * 0.01)
                #expect(error <= 0.01 * (0.5 + rounding(scale: 0.01)), "\(sign * ratio) scales")
            }
            // A level is a 126th of the largest weight, or less.
            for ratio: Float in [97.5, 112.5, 113.5, 127.5, 128.5, 150, 200, 1000, 30000] {
                let (exact, packed) = weights(type, scale: 0.01, minimum: sign * ratio * 0.01)
                let peak = exact.map(abs).max()!
                for (a, b) in zip(exact, packed) { #expect(abs(a - b) <= peak / 200, "\(sign * ratio) scales") }
            }
        }
    }

    @Test(arguments: [SP_TYPE_Q4_1, SP_TYPE_Q5_1])
    func groupsOfOneValueKeepIt(type: sp_element_type) {
        #expect(weights(type, scale: 0, minimum: 0).packed == [Float](repeating: 0, count: 32))
        for minimum: Float in [0.37, -12, 1e-4] {
            let (exact, packed) = weights(type, scale: 0, minimum: minimum)
            for (a, b) in zip(exact, packed) { #expect(abs(a - b) <= abs(a) / 250) }
        }
    }

    /// They must not become numbers on the way.
    @Test(arguments: [(Float.nan, Float(1)), (1, .nan), (.infinity, 1), (1, -.infinity)])
    func whatIsNoNumberStaysNone(scale: Float, minimum: Float) {
        #expect(weights(SP_TYPE_Q4_1, scale: scale, minimum: minimum).packed.allSatisfy { !$0.isFinite })
        #expect(weights(SP_TYPE_Q5_1, scale: scale, minimum: minimum).packed.allSatisfy { !$0.isFinite })
    }
}
