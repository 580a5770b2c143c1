import Checkpoints
import Foundation
import TestSupport
import Testing
import Tokenizers
import Transformer

@Suite struct LogitTests {
    /// transformers in float32 on the same weights. Both sum in single precision in different orders.
    @Test(arguments: ["llama-tiny", "qwen2-tiny", "llama-rope-scaled-tiny"])
    func tinyModelsAgreeWithTransformers(name: String) throws {
        let reference = try Fixtures.tensors("models/\(name).reference.safetensors")
        let model = try Fixtures.tinyModel(name)
        let logits = try InferenceSession(model).allLogits(after: try #require(reference["ids"]).integers)
        #expect(relativeError(logits, try #require(reference["logits"]).values) < 1e-4)
    }

    @Test(
        arguments: ["F32", "F16", "BF16", "Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q8_0", "Q4_K", "Q5_K", "Q6_K"],
        WorkerPool.instructionSets)
    func everyTensorTypeAgreesWithTransformers(type: String, instructionSet: String) throws {
        let reference = try Fixtures.tensors("types/\(type).reference.safetensors")
        let ids = try #require(reference["ids"]).integers
        let expected = try #require(reference["logits"]).values
        let url = Fixtures.url("types/\(type).gguf")
        let float = try DecoderModel(contentsOf: url, precision: .float32, threads: 2, instructionSet: instructionSet)
        #expect(relativeError(try InferenceSession(float).allLogits(after: ids), expected) < 1e-4)
        // 8-bit activations: an error of 1/254 of each group's peak, averaging out over a few hundred terms.
        let integer = try DecoderModel(contentsOf: url, precision: .int8, threads: 2, instructionSet: instructionSet)
        #expect(relativeError(try InferenceSession(integer).allLogits(after: ids), expected) < 0.03)
    }

    @Test func defaultModelAgreesWithTransformers() throws {
        let reference = try Fixtures.tensors("default-model.reference.safetensors")
        let model = try DecoderModel(contentsOf: Fixtures.defaultModel, precision: .float32)
        for prompt in 0..<3 {
            let ids = try #require(reference["prompt\(prompt).ids"]).integers
            let logits = try InferenceSession(model).logits(after: ids)
            #expect(relativeError(logits, try #require(reference["prompt\(prompt).logits"]).values) < 1e-3)
        }
    }

    /// Greedy decoding in float32 takes the tokens that transformers takes.
    @Test func greedyAnswersEqualTransformers() throws {
        let reference = try Fixtures.tensors("default-model.reference.safetensors")
        let model = try DecoderModel(contentsOf: Fixtures.defaultModel, precision: .float32)
        let expected = try #require(reference["greedy.ids"]).integers
        let summary = try InferenceSession(model).generate(
            after: try #require(reference["prompt2.ids"]).integers,
            options: GenerationOptions(maxNewTokens: expected.count))
        #expect(summary.tokens == expected.filter { !model.tokenizer.endTokens.contains($0) })
    }
}

@Suite struct RewindTests {
    /// Whatever was read after the position is as if it had never been.
    @Test(arguments: ["llama-tiny", "qwen2-tiny"], [1, 7, 16, 17])
    func aRewoundSessionReadsAsAFreshOne(name: String, position: Int) throws {
        let model = try Fixtures.tinyModel(name)
        let vocabulary = model.configuration.vocabularySize
        let (first, other, second) = (
            (0..<position).map { $0 % vocabulary }, (0..<20).map { (3 * $0 + 1) % vocabulary },
            (0..<9).map { (5 * $0 + 2) % vocabulary }
        )
        let fresh = try InferenceSession(model)
        _ = try fresh.logits(after: first)
        let expected = try fresh.allLogits(after: second)
        let session = try InferenceSession(model)
        _ = try session.logits(after: first)
        _ = try session.logits(after: other)
        session.rewind(to: position)
        #expect(session.position == position)
        #expect(try session.allLogits(after: second) == expected)
    }
}

@Suite struct PathwayTests {
    static let names = ["llama-tiny", "qwen2-tiny", "llama-rope-scaled-tiny"]

    private func kept(_ pruned: SafetensorsFile.Tensor) -> [[Int]] {
        let heads = pruned.shape[1]
        return (0..<pruned.shape[0]).map { layer in (0..<heads).filter { pruned.values[layer * heads + $0] == 0 } }
    }

    @Test(arguments: names)
    func prunedHeadsEqualZeroedHeads(name: String) throws {
        let reference = try Fixtures.tensors("models/\(name).reference.safetensors")
        let model = try Fixtures.tinyModel(name)
        let pathway = Pathway(keptHeads: kept(try #require(reference["pruned"])))
        let ids = try #require(reference["ids"]).integers
        let logits = try InferenceSession(model, along: pathway).allLogits(after: ids)
        #expect(relativeError(logits, try #require(reference["logits_zeroed"]).values) < 1e-4)
        #expect(relativeError(logits, try #require(reference["logits"]).values) > 1e-2)
    }

    @Test(arguments: names)
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

    @Test(arguments: names, WorkerPool.instructionSets)
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

    @Test(arguments: names)
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
        // A written token's products, and those of a prompt of many tokens.
        for tokens in [1, 40] {
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

@Suite struct DeterminismTests {
    @Test(arguments: DecoderModel.Precision.allCases)
    func threadsAndBatchesDoNotChangeLogits(precision: DecoderModel.Precision) throws {
        let text = "The treaty was signed in the spring, and the armies went home before the harvest began."
        var results: [[Float]] = []
        for threads in [1, 2, 5] {
            let model = try DecoderModel(contentsOf: Fixtures.defaultModel, precision: precision, threads: threads)
            let ids = model.tokenizer.encode(text)
            let pathway = Pathway(
                keptHeads: Array(repeating: [1, 3, 4, 7], count: 30),
                keptBlocks: Array(repeating: [0, 1, 5, 30, 31, 60, 94], count: 30))
            results.append(try InferenceSession(model, along: pathway).logits(after: ids))
            if threads == 2 {
                let session = try InferenceSession(model, along: pathway)
                var last: [Float] = []
                for id in ids { last = try session.logits(after: [id]) }
                results.append(last)
            }
        }
        #expect(results.allSatisfy { $0 == results[0] })
    }

    @Test func sampledTextRepeatsWithItsSeed() throws {
        let model = try DecoderModel(contentsOf: Fixtures.defaultModel)
        let prompt = model.tokenizer.encode("Once upon a time")
        func text(_ seed: UInt64) throws -> String {
            let sampling = SamplingParameters(temperature: 1, topK: 50, topP: 0.95, seed: seed)
            return try InferenceSession(model).generate(
                after: prompt, options: GenerationOptions(maxNewTokens: 12, sampling: sampling)
            ).text
        }
        #expect(try text(1) == text(1))
        #expect(try text(1) != text(2))
    }
}

@Suite struct TapTests {
    @Test(arguments: PathwayTests.names)
    func tapsAgreeWithTransformers(name: String) throws {
        let reference = try Fixtures.tensors("models/\(name).reference.safetensors")
        let model = try Fixtures.tinyModel(name)
        let ids = try #require(reference["ids"]).integers
        let taps = try InferenceSession(model).taps(over: ids, of: .all)
        let residuals = (0..<3).flatMap { taps.residual(layer: $0) }
        let heads = (0..<3).flatMap { taps.heads(layer: $0) }
        let channels = (0..<3).flatMap { taps.channels(layer: $0) }
        #expect(relativeError(residuals, try #require(reference["tap_residual"]).values) < 1e-4)
        #expect(relativeError(heads, try #require(reference["tap_heads"]).values) < 1e-4)
        #expect(relativeError(channels, try #require(reference["tap_channels"]).values) < 1e-4)
    }

    /// A pass that stops early has read the layers it ran as a whole pass does.
    @Test func theFirstLayersTapsAreThoseOfAWholePass() throws {
        let model = try Fixtures.tinyModel("llama-tiny")
        let session = try InferenceSession(model)
        let whole = try session.taps(over: [5, 6, 7], of: .residuals)
        session.reset()
        let first = try session.taps(over: [5, 6, 7], of: .residuals, layers: 2)
        #expect((0..<2).allSatisfy { first.residual(layer: $0) == whole.residual(layer: $0) })
        #expect(first.residual(layer: 2).allSatisfy { $0 == 0 })
        #expect(whole.heads(layer: 0).isEmpty)
    }
}

@Suite struct LayerRestartTests {
    /// A pass cut between layers, over a text of several batches, ends as an unbroken one.
    @Test(arguments: DecoderModel.Precision.allCases)
    func aRestartedPassEndsAsAnUnbrokenOne(precision: DecoderModel.Precision) throws {
        let model = try DecoderModel(contentsOf: Fixtures.defaultModel, precision: precision)
        let ids = (0..<300).map { 100 + $0 * 37 % 4000 }
        let session = try InferenceSession(model)
        let embedded = try session.embeddings(of: ids)
        let whole = try session.finalHidden(embedded, from: 0)
        let middle = try session.advance(session.advance(embedded, through: 0..<11), through: 11..<19)
        #expect(try session.finalHidden(middle, from: 19) == whole)
    }

    @Test func aSessionFollowsOnePathwayAfterAnother() throws {
        let model = try Fixtures.tinyModel("llama-tiny")
        let pathway = Pathway(keptHeads: [[0], [1], [0, 3]], keptBlocks: [[0], [0, 1, 2], [5]])
        let session = try InferenceSession(model)
        let dense = try session.logits(after: [5, 6, 7])
        try session.follow(pathway)
        #expect(
            try session.logits(after: [5, 6, 7]) == InferenceSession(model, along: pathway).logits(after: [5, 6, 7]))
        try session.follow(nil)
        #expect(try session.logits(after: [5, 6, 7]) == dense)
    }
}

@Suite struct SessionTests {
    @Test func theContextLimitIsRespected() throws {
        let model = try Fixtures.tinyModel("llama-tiny")
        let session = try InferenceSession(model)
        #expect(session.contextLimit == 128)
        _ = try session.logits(after: Array(repeating: 5, count: 128))
        #expect(throws: DecoderError.contextExceeded(needed: 129, limit: 128)) { try session.logits(after: [5]) }
        #expect(throws: DecoderError.contextExceeded(needed: 129, limit: 128)) {
            try InferenceSession(model).generate(after: Array(repeating: 5, count: 128), options: GenerationOptions())
        }
        session.reset()
        let again = try session.logits(after: [5, 6])
        #expect(try InferenceSession(model).logits(after: [5, 6]) == again)
    }

    @Test func generationStopsAtTheEndOfTheContext() throws {
        let model = try Fixtures.tinyModel("llama-tiny")
        let summary = try InferenceSession(model).generate(
            after: Array(repeating: 5, count: 120), options: GenerationOptions(maxNewTokens: 1000))
        #expect(summary.tokens.count <= 8)
        #expect(summary.stopReason == (summary.tokens.count == 8 ? .contextFull : .endOfText))
        // After the last token of a full context nothing is read.
        #expect(summary.generationPasses == summary.tokens.count - (summary.stopReason == .contextFull ? 1 : 0))
        #expect(summary.tokensPerSecond == Double(summary.generationPasses) / summary.generationSeconds)
    }

    @Test func badTokensAreRefused() throws {
        let session = try InferenceSession(try Fixtures.tinyModel("llama-tiny"))
        #expect(throws: DecoderError.unknownToken(400, vocabularySize: 400)) { try session.logits(after: [400]) }
        #expect(throws: DecoderError.unknownToken(-1, vocabularySize: 400)) { try session.logits(after: [-1]) }
        #expect(throws: DecoderError.emptyInput) { try session.logits(after: []) }
    }

    /// The cache grows by copying; positions on both sides of a growth agree with a session that never grew.
    @Test func growingTheCacheKeepsWhatItHolds() throws {
        let model = try Fixtures.tinyModel("qwen2-tiny")
        let ids = (0..<100).map { 2 + $0 * 37 % 390 }
        let grown = try InferenceSession(model)
        for id in ids.dropLast() { _ = try grown.logits(after: [id]) }
        #expect(try grown.logits(after: [ids[99]]) == InferenceSession(model).logits(after: ids))
    }

    @Test func aStreamMayBeLeftEarly() async throws {
        let model = try Fixtures.tinyModel("llama-tiny")
        var pieces = 0
        for try await _ in model.generate([ChatMessage(.user, "fox")], options: GenerationOptions(maxNewTokens: 100)) {
            pieces += 1
            if pieces == 2 { break }
        }
        #expect(pieces == 2)
    }

    @Test func aCancelledTaskStopsBeforeTheNextBatch() async throws {
        let model = try Fixtures.tinyModel("llama-tiny")
        let task = Task {
            withUnsafeCurrentTask { $0?.cancel() }
            _ = try InferenceSession(model).generate(after: [5, 6, 7], options: GenerationOptions())
        }
        await #expect(throws: CancellationError.self) { try await task.value }
    }

    @Test func aCallerMayStopAGeneration() throws {
        let model = try Fixtures.tinyModel("llama-tiny")
        let summary = try InferenceSession(model).generate(
            after: [5, 6, 7], options: GenerationOptions(maxNewTokens: 100)
        ) { _ in
            false
        }
        #expect(summary.stopReason == .stopped)
        #expect(summary.tokens.count < 100)
    }

    @Test func modelsOfOtherKindsAreRefused() throws {
        try Fixtures.withTemporaryDirectory { folder in
            var data = try Data(contentsOf: Fixtures.url("models/llama-tiny.gguf"))
            let range = try #require(data.range(of: Data("llama".utf8)))
            data.replaceSubrange(range, with: Data("mamba".utf8))
            let url = folder.appending(path: "mamba.gguf")
            try data.write(to: url)
            #expect(throws: CheckpointError.self) { try DecoderModel(contentsOf: url) }
        }
    }

    /// A tensor that this library would leave out changes what a model computes.
    @Test func tensorsThatNobodyAsksForAreRefused() throws {
        try Fixtures.withTemporaryDirectory { folder in
            var data = try Data(contentsOf: Fixtures.url("models/llama-tiny.gguf"))
            // One layer less: the tensors of the last are left over.
            let key = try #require(data.range(of: Data("llama.block_count".utf8)))
            #expect(data[key.upperBound + 4] == 3)
            data[key.upperBound + 4] = 2
            let url = folder.appending(path: "shallow.gguf")
            try data.write(to: url)
            let error = #expect(throws: CheckpointError.self) { try DecoderModel(contentsOf: url) }
            #expect(error?.reason == .unsupported)
            #expect(error?.field.hasPrefix("blk.2.") == true)
        }
    }
}

@Suite struct SamplerTests {
    @Test func greedyTakesTheFirstOfTheLargest() {
        var sampler = LogitSampler(.greedy)
        #expect(sampler.sample([1, 3, 3, 2]) == 1)
    }

    @Test func limitsExcludeUnlikelyTokens() {
        var byCount = LogitSampler(SamplingParameters(temperature: 10, topK: 2, seed: 1))
        var byMass = LogitSampler(SamplingParameters(temperature: 1, topP: 0.5, seed: 1))
        for _ in 0..<200 {
            #expect([1, 3].contains(byCount.sample([0, 5, 1, 4])))
            #expect(byMass.sample([0, 9, 1, 2]) == 1)
        }
    }

    /// Draws follow the softmax: 3 standard deviations of a binomial of 20,000.
    @Test func drawsFollowTheProbabilities() {
        var sampler = LogitSampler(SamplingParameters(temperature: 2, seed: 5))
        let logits: [Float] = [0, 2, 1]
        var counts = [0, 0, 0]
        for _ in 0..<20_000 { counts[sampler.sample(logits)] += 1 }
        let weights = logits.map { exp(Double($0) / 2) }
        let sum = weights.reduce(0, +)
        for (count, weight) in zip(counts, weights) {
            let p = weight / sum
            #expect(abs(Double(count) / 20_000 - p) < 3 * (p * (1 - p) / 20_000).squareRoot())
        }
    }
}
