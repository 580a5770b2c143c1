import Basics
import TestSupport
import Testing

@testable import Transformer

@Suite struct VectorProductsTests {
    /// The inputs of each matrix, `[matrices][columns]`: all of them, some halves of groups, one value, none.
    private func inputs(columns: Int) -> [[Float]] {
        var generator = SplitMix64(seed: 7)
        let all = (0..<columns).map { _ in Float(generator.unit() - 0.5) }
        let halves = all.indices.map { ($0 / 16) % 3 == 1 ? all[$0] : 0 }
        let last = all.indices.map { $0 == columns - 1 ? all[$0] : 0 }
        return [all, halves, last, all.map { _ in 0 }]
    }

    /// Each product is that of its own matrix and input, row by row, whatever else the step computes. Inputs rounded to
    /// 8 bits are off by less than a 127th of the largest of their group.
    @Test(arguments: [DecoderModel.Precision.float32, .int8], [1, 2])
    func agreeWithRows(precision: DecoderModel.Precision, threads: Int) throws {
        let model = try DecoderModel(contentsOf: Fixtures.defaultModel, precision: precision, threads: threads)
        let matrices = model.layers.prefix(4).map(\.down)
        let inputs = inputs(columns: matrices[0].columns)
        let products = try VectorProducts(shapedAs: matrices[0], count: 5, on: model.pool, precision: precision)
        // Twice, because buffers serve again.
        for order in [[0, 1, 2, 3], [3, 2, 1, 0]] {
            let found = products(order.map { matrices[$0] }) { index, x in _ = x.update(from: inputs[order[index]]) }
            for (index, matrix) in order.enumerated() {
                let input = inputs[matrix]
                let peaks = input.indices.map { input[$0 / 32 * 32..<$0 / 32 * 32 + 32].map(\.magnitude).max()! }
                for row in stride(from: 0, to: matrices[matrix].rows, by: 37) {
                    let weights = matrices[matrix].row(row)
                    let expected = zip(weights, input).reduce(0.0) { $0 + Double($1.0) * Double($1.1) }
                    let rounding = zip(weights, peaks).reduce(0.0) { $0 + Double($1.0.magnitude * $1.1) }
                    let tolerance = precision == .int8 ? rounding / 127 : rounding * 1e-6
                    #expect(abs(Double(found[index][row]) - expected) <= tolerance, "row \(row) of \(matrix)")
                }
            }
        }
    }
}
