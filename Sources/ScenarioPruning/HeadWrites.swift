import Checkpoints
import DomainBasis
import Transformer

/// The output projection of one layer folded for questions about what its heads write into the residual stream.
struct HeadWrites {
    /// `P_l W_O^{(l,h)}`, `[heads][domains][headSize]`: from a head's output to probe space.
    private let probeMaps: [[[Double]]]
    /// `W_O^{(l,h)T} W_O^{(l,h)}`, `[heads][headSize * headSize]`: gives the length of a head's write.
    private let gramMatrices: [[Double]]
    private let headSize: Int

    init(_ output: PackedMatrix, probe: LinearProbe, _ configuration: ModelConfiguration) {
        let (heads, size) = (configuration.heads, configuration.headSize)
        let domains = probe.biases.count
        var maps = Array(
            repeating: Array(repeating: Array(repeating: 0.0, count: size), count: domains), count: heads)
        var grams = Array(repeating: Array(repeating: 0.0, count: size * size), count: heads)
        for row in 0..<output.rows {
            let weights = output.row(row).map(Double.init)
            for head in 0..<heads {
                let write = Array(weights[head * size..<(head + 1) * size])
                for domain in 0..<domains {
                    let p = Double(probe.weights[domain][row])
                    for i in 0..<size { maps[head][domain][i] += p * write[i] }
                }
                grams[head].withUnsafeMutableBufferPointer { gram in
                    for i in 0..<size { for j in i..<size { gram[i * size + j] += write[i] * write[j] } }
                }
            }
        }
        probeMaps = maps
        gramMatrices = grams
        headSize = size
    }

    /// `w = P_l W_O^{(l,h)} o` in probe space, `[domains]`, for the heads' outputs `[heads * headSize]`.
    func probeWrite(head: Int, _ outputs: [Float]) -> [Double] {
        probeMaps[head].map { row in
            var sum = 0.0
            for i in 0..<headSize { sum += row[i] * Double(outputs[head * headSize + i]) }
            return sum
        }
    }

    /// `||W_O^{(l,h)} o||`.
    func length(head: Int, _ outputs: [Float]) -> Double {
        var sum = 0.0
        for i in 0..<headSize {
            let first = Double(outputs[head * headSize + i])
            for j in i..<headSize {
                let term = gramMatrices[head][i * headSize + j] * first * Double(outputs[head * headSize + j])
                sum += i == j ? term : 2 * term
            }
        }
        return max(sum, 0).squareRoot()
    }
}
