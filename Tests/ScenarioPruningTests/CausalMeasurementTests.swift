import Tokenizers
import Checkpoints
import DomainBasis
import Foundation
import ScenarioPruning
import TestSupport
import Testing
import Transformer

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
