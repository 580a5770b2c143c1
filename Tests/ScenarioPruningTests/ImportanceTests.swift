import Basics
import Tokenizers
import Checkpoints
import DomainBasis
import ScenarioPruning
import TestSupport
import Testing
import Transformer

@Suite struct ImportanceTests {
    private static let texts = ["the quick brown fox", "def area(radius)"]

    private static func probes(_ configuration: ModelConfiguration) -> [LinearProbe] {
        var generator = SplitMix64(seed: 4)
        func numbers(_ count: Int) -> [Float] { (0..<count).map { _ in Float(generator.unit() - 0.5) } }
        return (0..<configuration.layers).map { _ in
            LinearProbe(weights: [numbers(configuration.width), numbers(configuration.width)], biases: numbers(2))
        }
    }

    /// A unit's inputs of its projection in each layer: heads of 16, blocks of 16 in the tiny models.
    private static func write(
        _ inputs: [Float], of unit: Int, _ kind: UnitKind, layer: Int, _ model: DecoderModel
    ) throws -> [Float] {
        let size = kind == .heads ? model.configuration.headSize : Pathway.blockChannels
        var x = [Float](repeating: 0, count: inputs.count)
        for i in unit * size..<(unit + 1) * size { x[i] = inputs[i] }
        let weights = model.layers[layer]
        return try (kind == .heads ? weights.output : weights.down).multiply(x, on: model.pool)
    }

    /// The folded matrices against the definitions, worked out with whole matrices and token by token.
    @Test(arguments: UnitKind.allCases)
    func everyTableEqualsItsDefinition(kind: UnitKind) throws {
        let model = try Fixtures.tinyModel("llama-tiny")
        let configuration = model.configuration
        let probes = Self.probes(configuration)
        let reader = try FeatureReader(model)
        let taps = try Self.texts.map { try reader.taps(over: $0, of: .all) }
        var measurement = ImportanceMeasurement(kind, of: model, probes: probes)
        measurement.add(normalized: taps[0], domain: 0)
        measurement.add(normalized: taps[1], domain: 0)
        measurement.add(asWritten: taps[0], domain: 0)
        measurement.add(asWritten: taps[1], domain: 0)
        let result = measurement.result
        func inputs(_ taps: MeanTaps, _ layer: Int) -> [Float] {
            kind == .heads ? taps.heads(layer: layer) : taps.channels(layer: layer)
        }
        // What every token feeds into the projection: a text of one more token less the same text without it.
        let tokens = try Self.texts.flatMap { text -> [[[Float]]] in
            let ids = model.tokenizer.encodeText(text)
            var before = (0..<configuration.layers).map { _ in [Float](repeating: 0, count: inputs(taps[0], 0).count) }
            return try (1...ids.count).map { count in
                let session = try InferenceSession(model)
                let taps = try session.taps(over: Array(ids.prefix(count)), of: .all)
                let sums = (0..<configuration.layers).map { inputs(taps, $0).map { $0 * Float(count) } }
                defer { before = sums }
                return zip(sums, before).map { zip($0, $1).map { $0 - $1 } }
            }
        }
        let units = kind == .heads ? configuration.heads : 6
        for layer in 0..<configuration.layers {
            let projection = kind == .heads ? model.layers[layer].output : model.layers[layer].down
            let columns = (0..<projection.rows).map { projection.row($0) }
            for unit in 0..<units {
                var (energy, answer, length) = (0.0, 0.0, 0.0)
                for (normalized, written) in [(0, 1), (1, 0)] {
                    let reduced = try Self.write(inputs(taps[normalized], layer), of: unit, kind, layer: layer, model)
                    let w = probes[layer].weights.map { zip($0, reduced).reduce(0.0) { $0 + Double($1.0 * $1.1) } }
                    energy += w[0] * w[0] / (w[0] * w[0] + w[1] * w[1] + 1e-8) / 2
                    answer += 1 / (1 + exp(-w[0] - Double(probes[layer].biases[0]))) / 2
                    let whole = try Self.write(inputs(taps[written], layer), of: unit, kind, layer: layer, model)
                    func norm(_ x: [Float]) -> Double { x.reduce(0.0) { $0 + Double($1 * $1) }.squareRoot() }
                    length += norm(whole) / norm(taps[written].residual(layer: layer)) / 2
                }
                var (fluctuation, magnitude) = (0.0, 0.0)
                let size = kind == .heads ? configuration.headSize : Pathway.blockChannels
                for i in unit * size..<(unit + 1) * size {
                    let values = tokens.map { Double($0[layer][i]) }
                    let mean = values.reduce(0, +) / Double(values.count)
                    let square = values.reduce(0) { $0 + $1 * $1 } / Double(values.count)
                    fluctuation += (square - mean * mean) * columns.reduce(0) { $0 + Double($1[i] * $1[i]) }
                    magnitude += square.squareRoot() * columns.reduce(0) { $0 + Double(abs($1[i])) }
                    #expect(abs(Double(result.means[layer][0][i]) - mean) < 1e-5)
                }
                // Both sides round to single precision at different places.
                func expect(_ criterion: PruningCriterion, _ value: Double, within tolerance: Double) throws {
                    let found = Double(try #require(result.tables[criterion])[layer, unit, 0])
                    #expect(abs(found - value) <= tolerance * max(abs(value), 1e-3), "\(criterion)")
                }
                try expect(.axisEnergy, energy, within: 1e-3)
                try expect(.sigmoidReference, answer, within: 1e-4)
                try expect(.writeNorm, length, within: 1e-4)
                try expect(.wanda, magnitude, within: 1e-3)
                try expect(.fluctuation, fluctuation, within: 1e-3)
            }
        }
    }
}
