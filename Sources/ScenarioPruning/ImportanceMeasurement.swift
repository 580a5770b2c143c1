import Checkpoints
import DomainBasis
import Transformer

/// Measures units text by text: dense passes over normalised texts, for the axis-aligned energy, and over texts as
/// written, for everything else, because those are what a pathway runs on.
package struct ImportanceMeasurement {
    static let epsilon = 1e-8

    private let kind: UnitKind
    private let configuration: ModelConfiguration
    private let writes: [ResidualWrites]
    private let domains: Int
    private let units: Int
    /// Sums over texts, `[layers, units, domains]`.
    private var energies: [Double]
    private var answers: [Double]
    private var lengths: [Double]
    /// Of the texts as written.
    private var moments: DomainMoments
    private var normalizedTexts: [Int]
    private var writtenTexts: [Int]

    package init(_ kind: UnitKind, of model: DecoderModel, probes: [LinearProbe]) {
        self.kind = kind
        configuration = model.configuration
        domains = probes.first?.biases.count ?? 0
        units = kind.count(configuration)
        writes = zip(model.layers, probes).map { ResidualWrites(kind, of: $0, probe: $1, model.configuration) }
        energies = Array(repeating: 0, count: configuration.layers * units * domains)
        (answers, lengths) = (energies, energies)
        moments = DomainMoments(
            domains: domains, layers: configuration.layers, inputs: kind.inputs(configuration))
        normalizedTexts = Array(repeating: 0, count: domains)
        writtenTexts = normalizedTexts
    }

    /// Adds a normalised text.
    package mutating func add(normalized taps: MeanTaps, domain: Int) {
        guard let moments = kind.moments(taps) else { return }
        normalizedTexts[domain] += 1
        let tokenCount = Double(max(taps.tokenCount, 1))
        for layer in 0..<configuration.layers {
            let mean = moments.sums[layer].map { Float($0 / tokenCount) }
            for unit in 0..<units {
                let index = (layer * units + unit) * domains + domain
                let w = writes[layer].probeWrite(of: unit, mean)
                let energy = w.reduce(0) { $0 + $1 * $1 }
                energies[index] += w[domain] * w[domain] / (energy + Self.epsilon)
                answers[index] += writes[layer].probeAnswer(to: w)[domain]
            }
        }
    }

    /// Adds a text as written.
    package mutating func add(asWritten taps: MeanTaps, domain: Int) {
        guard let text = kind.moments(taps) else { return }
        writtenTexts[domain] += 1
        moments.add(text, tokenCount: taps.tokenCount, domain: domain)
        let tokenCount = Double(max(taps.tokenCount, 1))
        for layer in 0..<configuration.layers {
            let mean = text.sums[layer].map { Float($0 / tokenCount) }
            let residual = taps.residual(layer: layer).reduce(0) { $0 + Double($1) * Double($1) }.squareRoot()
            for unit in 0..<units {
                let index = (layer * units + unit) * domains + domain
                lengths[index] += writes[layer].length(of: unit, mean) / max(residual, Self.epsilon)
            }
        }
    }

    package var result: UnitImportance {
        func table(_ value: (_ layer: Int, _ unit: Int, _ domain: Int) -> Double) -> UnitTable {
            var table = UnitTable(layers: configuration.layers, units: units, domains: domains)
            for layer in 0..<configuration.layers {
                for unit in 0..<units {
                    for domain in 0..<domains { table[layer, unit, domain] = Float(value(layer, unit, domain)) }
                }
            }
            return table
        }
        func mean(_ sums: [Double], over texts: [Int]) -> UnitTable {
            table { layer, unit, domain in
                sums[(layer * units + unit) * domains + domain] / Double(max(texts[domain], 1))
            }
        }
        let tables: [PruningCriterion: UnitTable] = [
            .axisEnergy: mean(energies, over: normalizedTexts),
            .sigmoidReference: mean(answers, over: normalizedTexts),
            .writeNorm: mean(lengths, over: writtenTexts),
            .fluctuation: table { layer, unit, domain in
                writes[layer].sum(over: unit) { i in
                    moments.variance(layer, domain, i) * writes[layer].columnSquares[i]
                }
            },
            .wanda: table { layer, unit, domain in
                writes[layer].sum(over: unit) { i in
                    moments.meanSquare(layer, domain, i).squareRoot() * writes[layer].columnMagnitudes[i]
                }
            },
        ]
        let means = (0..<configuration.layers).map { layer in
            (0..<domains).map { domain in
                (0..<kind.inputs(configuration)).map { Float(moments.mean(layer, domain, $0)) }
            }
        }
        return UnitImportance(kind: kind, tables: tables, means: means)
    }
}
