import Basics
import Checkpoints

/// Angles of rotary position embeddings (Su et al., 2021): pair i of a head turns by position * base^(-2i/n).
struct RotaryEmbedding: Sendable {
    /// Radians per position for each pair.
    private let frequencies: [Double]

    /// - Parameter factors: divides each pair's frequency (Llama 3.1's context extension), or nil.
    init(_ configuration: ModelConfiguration, factors: [Float]?) {
        let pairs = configuration.rotaryDimensions / 2
        frequencies = (0..<pairs).map { pair in
            let frequency = pow(configuration.rotaryBase, -Double(2 * pair) / Double(configuration.rotaryDimensions))
            return frequency / configuration.rotaryScale / Double(factors?[pair] ?? 1)
        }
    }

    var pairs: Int { frequencies.count }

    /// Writes the cosines and sines of positions `first ..< first + count`, each `[count, pairs]`.
    func write(first: Int, count: Int, cosines: UnsafeMutablePointer<Float>, sines: UnsafeMutablePointer<Float>) {
        for token in 0..<count {
            for (pair, frequency) in frequencies.enumerated() {
                let angle = Double(first + token) * frequency
                cosines[token * pairs + pair] = Float(cos(angle))
                sines[token * pairs + pair] = Float(sin(angle))
            }
        }
    }
}
