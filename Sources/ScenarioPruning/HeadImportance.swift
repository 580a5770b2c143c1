import Checkpoints
import DomainBasis
import Transformer

/// What the offline stage measures of every head.
public struct HeadImportance: Sendable, Equatable {
    /// Axis-aligned energy, `[layers, heads, domains]`:
    /// `I_{l,h,k} = E_{x in pool k} [ w_k^2 / (||w||^2 + 1e-8) ]` with `w = P_l W_O^{(l,h)} mean o_{l,h}`.
    public internal(set) var axisEnergy: HeadTable
    /// The length of the head's write relative to the residual, `E ||W_O mean o|| / ||mean r||`, same shape.
    public internal(set) var writeNorm: HeadTable
    /// Mean head outputs, `[layers][domains][heads * headSize]`, of the texts as written.
    public internal(set) var means: [[[Float]]]

    public init(axisEnergy: HeadTable, writeNorm: HeadTable, means: [[[Float]]]) {
        self.axisEnergy = axisEnergy
        self.writeNorm = writeNorm
        self.means = means
    }
}

/// Measures heads text by text: one dense pass over each text as it is normalised, for the axis-aligned energy,
/// and one over the text as written, for the means and write lengths, because that is what a pathway runs on.
package struct HeadImportanceMeasurement {
    static let epsilon = 1e-8

    private let writes: [HeadWrites]
    private let configuration: ModelConfiguration
    private let domains: Int
    private var energySums: [Double]
    private var normSums: [Double]
    private var meanSums: [[[Double]]]
    private var counts: [Int]

    package init(_ model: DecoderModel, probes: [LinearProbe]) {
        configuration = model.configuration
        domains = probes.first?.biases.count ?? 0
        writes = zip(model.layers, probes).map { HeadWrites($0.output, probe: $1, model.configuration) }
        let heads = configuration.heads
        energySums = Array(repeating: 0, count: configuration.layers * heads * domains)
        normSums = energySums
        meanSums = Array(
            repeating: Array(repeating: Array(repeating: 0, count: heads * configuration.headSize), count: domains),
            count: configuration.layers)
        counts = Array(repeating: 0, count: domains)
    }

    package mutating func add(normalized: LayerFeatures, asWritten: LayerFeatures, domain: Int) {
        counts[domain] += 1
        for layer in 0..<configuration.layers {
            let residual = asWritten.residuals[layer].reduce(0) { $0 + Double($1) * Double($1) }.squareRoot()
            for head in 0..<configuration.heads {
                let index = (layer * configuration.heads + head) * domains + domain
                let w = writes[layer].probeWrite(head: head, normalized.heads[layer])
                let energy = w.reduce(0) { $0 + $1 * $1 }
                energySums[index] += w[domain] * w[domain] / (energy + Self.epsilon)
                normSums[index] +=
                    writes[layer].length(head: head, asWritten.heads[layer]) / max(residual, Self.epsilon)
            }
            for (i, value) in asWritten.heads[layer].enumerated() { meanSums[layer][domain][i] += Double(value) }
        }
    }

    package var result: HeadImportance {
        func table(_ sums: [Double]) -> HeadTable {
            let values = sums.enumerated().map { Float($1 / Double(max(counts[$0 % domains], 1))) }
            return HeadTable(layers: configuration.layers, heads: configuration.heads, domains: domains, values: values)
        }
        let means = meanSums.map { layer in
            zip(layer, counts).map { sums, count in sums.map { Float($0 / Double(max(count, 1))) } }
        }
        return HeadImportance(axisEnergy: table(energySums), writeNorm: table(normSums), means: means)
    }
}
