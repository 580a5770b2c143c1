import Checkpoints
import DomainBasis
import Transformer

/// One layer's projection into the residual stream, folded for questions about what its units write.
struct ResidualWrites {
    /// From the projection's inputs to probe space, `P_l W`, `[inputs][domains]`.
    private let probeMap: [[Double]]
    /// `W_u^T W_u` of each unit's columns, `[units][size * size]`: gives the length of its write.
    private let gramMatrices: [[Double]]
    /// The squared length and the sum of magnitudes of each column of W, `[inputs]`.
    let columnSquares: [Double]
    let columnMagnitudes: [Double]
    private let biases: [Double]
    private let ranges: [Range<Int>]

    init(_ kind: UnitKind, of layer: DecoderLayer, probe: LinearProbe, _ configuration: ModelConfiguration) {
        let projection = kind.projection(of: layer)
        let ranges = (0..<kind.count(configuration)).map { kind.inputs(of: $0, configuration) }
        let domains = probe.biases.count
        var map = Array(repeating: Array(repeating: 0.0, count: domains), count: projection.columns)
        var grams = ranges.map { Array(repeating: 0.0, count: $0.count * $0.count) }
        var squares = Array(repeating: 0.0, count: projection.columns)
        var magnitudes = squares
        for row in 0..<projection.rows {
            let weights = projection.row(row).map(Double.init)
            let probes = (0..<domains).map { Double(probe.weights[$0][row]) }
            for (i, weight) in weights.enumerated() {
                squares[i] += weight * weight
                magnitudes[i] += abs(weight)
                for domain in 0..<domains { map[i][domain] += probes[domain] * weight }
            }
            weights.withUnsafeBufferPointer { weights in
                for (unit, range) in ranges.enumerated() {
                    let size = range.count
                    let write = UnsafeBufferPointer(rebasing: weights[range])
                    grams[unit].withUnsafeMutableBufferPointer { gram in
                        for i in 0..<size { for j in i..<size { gram[i * size + j] += write[i] * write[j] } }
                    }
                }
            }
        }
        probeMap = map
        gramMatrices = grams
        columnSquares = squares
        columnMagnitudes = magnitudes
        biases = probe.biases.map(Double.init)
        self.ranges = ranges
    }

    /// `w = P_l W_u x_u`, a unit's write in probe space, `[domains]`, for all inputs x.
    func probeWrite(of unit: Int, _ inputs: [Float]) -> [Double] {
        var sum = Array(repeating: 0.0, count: biases.count)
        for i in ranges[unit] { for domain in sum.indices { sum[domain] += probeMap[i][domain] * Double(inputs[i]) } }
        return sum
    }

    /// `sigmoid(w + b)`: what the probes answer where a unit's write is all they see.
    func probeAnswer(to write: [Double]) -> [Double] { zip(write, biases).map { sigmoid($0 + $1) } }

    /// `||W_u x_u||`.
    func length(of unit: Int, _ inputs: [Float]) -> Double {
        let range = ranges[unit]
        let size = range.count
        var sum = 0.0
        for i in 0..<size {
            let first = Double(inputs[range.lowerBound + i])
            for j in i..<size {
                let term = gramMatrices[unit][i * size + j] * first * Double(inputs[range.lowerBound + j])
                sum += i == j ? term : 2 * term
            }
        }
        return max(sum, 0).squareRoot()
    }

    /// The sum over a unit's inputs of a value for each input.
    func sum(over unit: Int, _ value: (Int) -> Double) -> Double { ranges[unit].reduce(0) { $0 + value($1) } }
}
