import Checkpoints
import Foundation
import TestSupport
import Testing
import Tokenizers
import Transformer

@Suite struct PathwayTests {
    private func kept(_ pruned: SafetensorsFile.Tensor) -> [[Int]] {
        let heads = pruned.shape[1]
        return (0..<pruned.shape[0]).map { layer in (0..<heads).filter { pruned.values[layer * heads + $0] == 0 } }
    }

    @Test(arguments: Fixtures.tinyModels)
    func prunedHeadsEqualZeroedHeads(name: String) throws {
        let reference = try Fixtures.tensors("models/\(name).reference.safetensors")
        let model = try Fixtures.tinyModel(name)
        let pathway = Pathway(keptHeads: kept(try #require(reference["pruned"])))
        let ids = try #require(reference["ids"]).integers
        let logits = try InferenceSession(model, along: pathway).allLogits(after: ids)
        #expect(relativeError(logits, try #require(reference["logits_zeroed"]).values) < 1e-4)
        #expect(relativeError(logits, try #require(reference["logits"]).values) > 1e-2)
    }

    @Test(arguments: Fixtures.tinyModels)
    func biasesEqualHeadsSetToTheirMeans(name: String) throws {
        let reference = try Fixtures.tensors("models/\(name).reference.safetensors")
        let model = try Fixtures.tinyModel(name)
        let kept = kept(try #require(reference["pruned"]))
        let means = try #require(reference["means"]).values
        let (heads, size) = (model.configuration.heads, model.configuration.headSize)
        let biases = try model.layers.enumerated().map { layer, weights in
            var x = Array(means[layer * heads * size..<(layer + 1) * heads * size])
            for head in kept[layer] { for i in 0..<size { x[head * size + i] = 0 } }
            return try weights.output.multiply(x, on: model.pool)
        }
        let pathway = Pathway(keptHeads: kept, biases: biases)
        let logits = try InferenceSession(model, along: pathway).allLogits(
            after: try #require(reference["ids"]).integers)
        #expect(relativeError(logits, try #require(reference["logits_mean"]).values) < 1e-4)
    }

    private func keptBlocks(_ reference: [String: SafetensorsFile.Tensor]) throws -> [[Int]] {
        kept(try #require(reference["pruned_blocks"]))
    }

    @Test(arguments: Fixtures.tinyModels, WorkerPool.instructionSets)
    func prunedBlocksEqualZeroedChannels(name: String, instructionSet: String) throws {
        let reference = try Fixtures.tensors("models/\(name).reference.safetensors")
        let model = try Fixtures.tinyModel(name, instructionSet: instructionSet)
        let heads = Array(repeating: Array(0..<4), count: 3)
        let pathway = Pathway(keptHeads: heads, keptBlocks: try keptBlocks(reference))
        let ids = try #require(reference["ids"]).integers
        let logits = try InferenceSession(model, along: pathway).allLogits(after: ids)
        #expect(relativeError(logits, try #require(reference["logits_blocks_zeroed"]).values) < 1e-4)
        #expect(relativeError(logits, try #require(reference["logits"]).values) > 1e-2)
    }

    @Test(arguments: Fixtures.tinyModels)
    func biasesEqualChannelsSetToTheirMeans(name: String) throws {
        let reference = try Fixtures.tensors("models/\(name).reference.safetensors")
        let model = try Fixtures.tinyModel(name)
        let blocks = try keptBlocks(reference)
        let means = try #require(reference["block_means"]).values
        let width = model.configuration.feedForwardWidth
        let biases = try model.layers.enumerated().map { layer, weights in
            var x = Array(means[layer * width..<(layer + 1) * width])
            for block in blocks[layer] { for i in 0..<16 { x[block * 16 + i] = 0 } }
            return try weights.down.multiply(x, on: model.pool)
        }
        let pathway = Pathway(
            keptHeads: Array(repeating: Array(0..<4), count: 3), keptBlocks: blocks, feedForwardBiases: biases)
        let logits = try InferenceSession(model, along: pathway).allLogits(
            after: try #require(reference["ids"]).integers)
        #expect(relativeError(logits, try #require(reference["logits_blocks_mean"]).values) < 1e-4)
    }

    @Test(arguments: DecoderModel.Precision.allCases)
    func allHeadsAreBitIdenticalToDense(precision: DecoderModel.Precision) throws {
        let model = try DecoderModel(contentsOf: Fixtures.defaultModel, precision: precision)
        let ids = model.tokenizer.encode("Acids give protons to bases.")
        let all = Pathway(
            keptHeads: Array(repeating: Array(0..<9), count: 30),
            keptBlocks: Array(repeating: Array(0..<96), count: 30))
        let dense = try InferenceSession(model).logits(after: ids)
        #expect(try InferenceSession(model, along: all).logits(after: ids) == dense)
    }

    /// The last layer of a prompt runs for its last token alone, and the text goes on as if it had run for all.
    @Test(arguments: DecoderModel.Precision.allCases, [1, 2, 257, 300])
    func lastLogitsEqualThoseOfEveryToken(precision: DecoderModel.Precision, tokens: Int) throws {
        let model = try DecoderModel(contentsOf: Fixtures.defaultModel, precision: precision)
        let ids = (0..<tokens).map { 97 * $0 % 49152 }
        let heads = Array(repeating: Array(0..<9), count: 29)
        let blocks = Array(repeating: Array(0..<90), count: 30)
        // A last layer that runs whole, one that lost a group of heads, and one without attention.
        for last in [Array(0..<9), [0, 1, 2, 8], []] {
            let pathway = Pathway(keptHeads: heads + [last], keptBlocks: blocks)
            let every = try InferenceSession(model, along: pathway)
            let expected = try every.allLogits(after: ids).suffix(model.configuration.vocabularySize)
            let session = try InferenceSession(model, along: pathway)
            #expect(try session.logits(after: ids) == Array(expected))
            #expect(session.position == every.position)
            #expect(try session.logits(after: [1, 2, 3]) == every.logits(after: [1, 2, 3]))
        }
    }

    @Test func aLayerMayLoseAllItsHeads() throws {
        let model = try Fixtures.tinyModel("llama-tiny")
        let bias = (0..<64).map { Float($0) / 64 }
        let pathway = Pathway(keptHeads: [[0, 1, 2, 3], [], [0, 1, 2, 3]], biases: [[], bias, []])
        let logits = try InferenceSession(model, along: pathway).logits(after: [5, 6, 7])
        #expect(logits.allSatisfy { $0.isFinite })
        #expect(try InferenceSession(model).logits(after: [5, 6, 7]) != logits)
        let without = Pathway(keptHeads: pathway.keptHeads)
        #expect(try InferenceSession(model, along: without).logits(after: [5, 6, 7]) != logits)
    }

    /// The cache holds only the key/value groups that have a running head.
    @Test func deadGroupsAreNotCached() throws {
        let model = try DecoderModel(contentsOf: Fixtures.defaultModel)
        let dense = try InferenceSession(model)
        let pruned = try InferenceSession(model, along: Pathway(keptHeads: Array(repeating: [0, 1, 2, 8], count: 30)))
        _ = try dense.logits(after: [1, 2, 3])
        _ = try pruned.logits(after: [1, 2, 3])
        #expect(pruned.cacheBytes * 3 == dense.cacheBytes * 2)
    }

    @Test func pathwaysOfAnotherShapeAreRefused() throws {
        let model = try Fixtures.tinyModel("llama-tiny")
        for kept in [[[0]], [[0], [0], [4]], [[0], [-1], [0]], [[0, 0], [0], [0]]] {
            #expect(throws: DecoderError.self) { try InferenceSession(model, along: Pathway(keptHeads: kept)) }
        }
        let short = Pathway(keptHeads: [[0], [0], [0]], biases: [[1], [], []])
        #expect(throws: DecoderError.self) { try InferenceSession(model, along: short) }
        for blocks in [[[0]], [[0], [0], [6]], [[0], [-1], [0]], [[0, 0], [0], [0]]] {
            let pathway = Pathway(keptHeads: [[0], [0], [0]], keptBlocks: blocks)
            #expect(throws: DecoderError.self) { try InferenceSession(model, along: pathway) }
        }
        let wide = Pathway(keptHeads: [[0], [0], [0]], feedForwardBiases: [[], [1], []])
        #expect(throws: DecoderError.self) { try InferenceSession(model, along: wide) }
        let endless = [Float](repeating: .infinity, count: model.configuration.width)
        let infinite = Pathway(keptHeads: [[0], [0], [0]], biases: [endless, [], []])
        #expect(throws: DecoderError.self) { try InferenceSession(model, along: infinite) }
    }

    /// In a file units may stand in any order.
    @Test func aDecodedPathwayIsInOrder() throws {
        let json = #"{"keptHeads": [[1, 0]], "biases": [[]], "keptBlocks": [[4, 0, 3, 1]]}"#
        let pathway = try JSONDecoder().decode(Pathway.self, from: Data(json.utf8))
        #expect(pathway.keptHeads == [[0, 1]])
        #expect(pathway.keptBlocks == [[0, 1, 3, 4]])
    }

    /// Biases that are finite and still too large for the model.
    @Test func whatIsNoNumberIsRefused() throws {
        let model = try Fixtures.tinyModel("llama-tiny")
        let huge = [Float](repeating: 3e38, count: model.configuration.width)
        let pathway = Pathway(keptHeads: [[0], [0], [0]], biases: [huge, huge, huge])
        #expect(throws: DecoderError.notANumber) {
            try InferenceSession(model, along: pathway).generate(after: [5, 6], options: GenerationOptions())
        }
    }

    /// What overflows is no number after rounding to integers either.
    @Test(arguments: DecoderModel.Precision.allCases)
    func overflowIsRefusedOfQuantizedModels(precision: DecoderModel.Precision) throws {
        let model = try DecoderModel(contentsOf: Fixtures.defaultModel, precision: precision)
        let (layers, heads) = (model.configuration.layers, Array(0..<model.configuration.heads))
        func generate(bias value: Float, tokens: Int) throws {
            let bias = [Float](repeating: value, count: model.configuration.width)
            let pathway = Pathway(
                keptHeads: (0..<layers).map { $0 == 7 ? [0] : heads }, biases: (0..<layers).map { $0 == 7 ? bias : [] })
            _ = try InferenceSession(model, along: pathway).generate(
                after: Array(5..<5 + tokens), options: GenerationOptions(maxNewTokens: 2))
        }
        // A written token's products, those of a prompt of many tokens, and attention to a whole chunk of positions.
        for tokens in [1, 40, 128] {
            #expect(throws: DecoderError.notANumber, "\(tokens) tokens") { try generate(bias: 3e38, tokens: tokens) }
        }
        // A pathway that holds such values is none.
        for value in [Float.infinity, .nan] {
            #expect {
                try generate(bias: value, tokens: 1)
            } throws: { error in
                if case DecoderError.pathwayMismatch = error { true } else { false }
            }
        }
    }

    /// A fingerprint leaves out no hyperparameter.
    @Test func fingerprintsCoverEveryHyperparameter() throws {
        let configuration = try Fixtures.tinyModel("llama-tiny").configuration
        let properties = Mirror(reflecting: configuration).children.compactMap(\.label)
        #expect(ModelFingerprint.hyperparameters(configuration).map(\.name).sorted() == properties.sorted())
    }

    /// Nothing of another layer is taken for what a block that does not run has written.
    @Test func channelsThatDoNotRunAreZeroInTaps() throws {
        let model = try Fixtures.tinyModel("llama-tiny")
        let heads = Array(0..<model.configuration.heads)
        let pathway = Pathway(keptHeads: [heads, heads, heads], keptBlocks: [[0, 1, 2, 3], [1], []])
        let taps = try InferenceSession(model, along: pathway).taps(over: [5, 6, 7], of: .channels)
        let running = [0..<64, 16..<32, 0..<0]
        for layer in 0..<3 {
            for (channel, value) in taps.channels(layer: layer).enumerated() where !running[layer].contains(channel) {
                #expect(value == 0, "layer \(layer), channel \(channel)")
            }
        }
    }
}
