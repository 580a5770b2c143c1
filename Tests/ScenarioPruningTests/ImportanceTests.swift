import Basics
import Checkpoints
import DomainBasis
import Foundation
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

@Suite struct RecallTextsTests {
    private let questions = [
        "Which acid is in vinegar? Acetic acid", "A base accepts: protons.", "Salt melts ice.",
        "What does pH measure? Acidity", "Which gas do plants take up? Carbon dioxide",
        "The ratio is 3:1 in what? Ammonia",
    ]

    @Test func everyOtherQuestionListsItsAnswerAmongOthers() {
        var generator = SplitMix64(seed: 3)
        let texts = RecallTexts.make(of: questions, using: &generator)
        #expect(texts.count == questions.count)
        for index in [0, 2, 4] { #expect(texts[index] == "\(questions[index])\n\(questions[index])") }
        let answers = ["Acetic acid", "protons.", "Carbon dioxide", "Acidity", "Ammonia"]
        for (index, stem) in [(1, "A base accepts:"), (3, "What does pH measure?"), (5, "The ratio is 3:1 in what?")] {
            let lines = texts[index].split(separator: "\n").map(String.init)
            #expect(lines.count == 6)
            #expect(lines[0] == stem)
            let options = lines[1...4].map { String($0.dropFirst(3)) }
            #expect(zip("ABCD", lines[1...4]).allSatisfy { $1.hasPrefix("\($0). ") })
            #expect(Set(options).count == 4 && Set(options).isSubset(of: answers))
            #expect(lines[1...4].contains(lines[5]))
            #expect(questions[index].hasSuffix(lines[5].dropFirst(3)))
        }
    }

    @Test func whatIsNoQuestionIsReadTwice() {
        var generator = SplitMix64(seed: 3)
        let long = "Which? " + String(repeating: "x", count: 200)
        let mark = "Ends with a mark?"
        for texts in [["a", "b"], Array(questions.prefix(3)), ["a", long], ["a", mark], [mark, "Why? "]] {
            let made = RecallTexts.make(of: texts, using: &generator)
            #expect(made == texts.map { "\($0)\n\($0)" })
        }
    }
}

@Suite struct CausalMeasurementTests {
    /// The divergence of the ablated predictions from the dense ones over the whole vocabulary, token by token.
    private func divergence(_ model: DecoderModel, _ pathway: Pathway, _ texts: [[Int]]) throws -> Double {
        var (sum, count) = (0.0, 0)
        for ids in texts {
            let vocabulary = model.configuration.vocabularySize
            let logits = try [nil, pathway].map { try InferenceSession(model, along: $0).allLogits(after: ids) }
            for token in ids.indices {
                let (p, q) = (
                    logits[0][token * vocabulary..<(token + 1) * vocabulary].map(Double.init),
                    logits[1][token * vocabulary..<(token + 1) * vocabulary].map(Double.init)
                )
                func normalizer(_ x: [Double]) -> Double { log(x.reduce(0) { $0 + exp($1) }) }
                let (zp, zq) = (normalizer(p), normalizer(q))
                sum += zip(p, q).reduce(0) { $0 + exp($1.0 - zp) * (($1.0 - zp) - ($1.1 - zq)) }
                count += 1
            }
        }
        return sum / Double(count)
    }

    /// With many draws the estimate is the divergence itself: 4000 draws of evenly spaced quantiles leave an error of
    /// well under one percent for the strongest units.
    @Test func divergencesEqualThoseOverTheWholeVocabulary() throws {
        let model = try Fixtures.tinyModel("llama-tiny")
        let configuration = model.configuration
        let texts = ["the quick brown fox jumps over the lazy dog", "a brown dog runs over there"]
        let pool = TextPool(domain: "animals", texts: texts)
        var measurement = ImportanceMeasurement(
            .heads, of: model,
            probes: (0..<configuration.layers).map { _ in
                LinearProbe(weights: [[Float](repeating: 0, count: configuration.width)], biases: [0])
            })
        let reader = try FeatureReader(model)
        for text in texts {
            let taps = try reader.taps(over: text, of: .all)
            measurement.add(normalized: taps, domain: 0)
            measurement.add(asWritten: taps, domain: 0)
        }
        let heads = measurement.result
        var budget = CausalMeasurement.Budget()
        (budget.headTokens, budget.feedForwardTokens, budget.draws) = (1000, 0, 4000)
        let causal = CausalMeasurement(
            model, ModelImportance(heads: heads, feedForward: heads), pools: [pool], budget: budget, seed: 1)
        let table = try #require(
            try causal.run(resuming: .init(), save: { _ in }, onPass: { _ in }).heads.tables[.causal])
        // Neither is a question, so both are read twice.
        let ids = texts.map { model.tokenizer.encodeText("\($0)\n\($0)") }
        for layer in 0..<configuration.layers {
            for head in 0..<configuration.heads {
                var mean = heads.means[layer][0]
                for i in mean.indices where i / configuration.headSize != head { mean[i] = 0 }
                var kept = Array(repeating: Array(0..<configuration.heads), count: configuration.layers)
                var biases = Array(repeating: [Float](), count: configuration.layers)
                kept[layer].remove(at: head)
                biases[layer] = try model.layers[layer].output.multiply(mean, on: model.pool)
                let expected = try divergence(model, Pathway(keptHeads: kept, biases: biases), ids)
                let found = Double(table[layer, head, 0])
                #expect(abs(found - expected) < 0.02 * expected + 1e-6, "layer \(layer), head \(head)")
            }
        }
    }

    /// What a layer's predictions lose without the weaker half of its blocks is shared out by the variance of their
    /// writes, here with whole distributions and moments of its own.
    @Test func blocksShareTheDivergenceOfTheirLayersWeakerHalf() throws {
        let model = try Fixtures.tinyModel("llama-tiny")
        let configuration = model.configuration
        let text = "the quick brown fox jumps over the lazy dog"
        let ids = model.tokenizer.encodeText(text)
        let probes = (0..<configuration.layers).map { _ in
            LinearProbe(weights: [[Float](repeating: 0, count: configuration.width)], biases: [0])
        }
        let taps = try FeatureReader(model).taps(over: text, of: .all)
        let importances = UnitKind.allCases.map { kind in
            var measurement = ImportanceMeasurement(kind, of: model, probes: probes)
            measurement.add(normalized: taps, domain: 0)
            measurement.add(asWritten: taps, domain: 0)
            return measurement.result
        }
        var budget = CausalMeasurement.Budget()
        (budget.headTokens, budget.feedForwardTokens, budget.draws) = (0, 1, 4000)
        let causal = CausalMeasurement(
            model, ModelImportance(heads: importances[0], feedForward: importances[1]),
            pools: [TextPool(domain: "animals", texts: [text])], budget: budget, seed: 1)
        let blocks = try causal.run(resuming: .init(), save: { _ in }, onPass: { _ in }).feedForward
        let table = try #require(blocks.tables[.causal])
        let variances = try #require(blocks.tables[.fluctuation])
        let count = Pathway.blocks(ofFeedForward: configuration.feedForwardWidth)
        for layer in 0..<configuration.layers {
            let ascending = (0..<count).sorted { variances[layer, $0, 0] < variances[layer, $1, 0] }
            let weaker = ascending.prefix((count + 1) / 2), stronger = ascending.dropFirst(weaker.count)
            var mean = blocks.means[layer][0]
            for block in stronger {
                for channel in Pathway.channels(ofBlock: block, feedForwardWidth: mean.count) { mean[channel] = 0 }
            }
            var kept = Array(repeating: Array(0..<count), count: configuration.layers)
            var biases = Array(repeating: [Float](), count: configuration.layers)
            kept[layer] = Array(stronger)
            biases[layer] = try model.layers[layer].down.multiply(mean, on: model.pool)
            let heads = Array(repeating: Array(0..<configuration.heads), count: configuration.layers)
            let pathway = Pathway(
                keptHeads: heads, keptBlocks: kept, channelOrder: model.channelOrder, feedForwardBiases: biases)
            let expected = try divergence(model, pathway, [ids])
            #expect(expected > 1e-6, "layer \(layer)")
            let sum = weaker.reduce(0) { $0 + Double(variances[layer, $1, 0]) }
            for block in 0..<count {
                let share = expected * Double(variances[layer, block, 0]) / sum
                #expect(abs(Double(table[layer, block, 0]) - share) < 0.02 * share, "layer \(layer), block \(block)")
            }
        }
    }
}
