import Checkpoints
import Foundation
import TestSupport
import Testing
import Tokenizers
import Transformer

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

    @Test(arguments: ["Q4_0", "Q4_1", "Q4_K"], DecoderModel.Precision.allCases)
    func scalesThatAreNoNumbersAreRefused(type: String, precision: DecoderModel.Precision) throws {
        try Fixtures.withTemporaryDirectory { folder in
            let sound = Fixtures.url("types/\(type).gguf")
            let file = try GGUFFile(contentsOf: sound)
            let tensor = try #require(file.tensors.first { $0.name == "blk.0.ffn_up.weight" })
            var data = try Data(contentsOf: sound)
            data.replaceSubrange(tensor.range.prefix(2), with: [0, 0x7e])
            let url = folder.appending(path: "damaged.gguf")
            try data.write(to: url)
            let error = #expect(throws: CheckpointError.self) {
                try DecoderModel(contentsOf: url, precision: precision)
            }
            #expect(error?.reason == .malformed && error?.field == tensor.name)
        }
    }
}

@Suite struct RewindTests {
    /// Whatever was read after the position is as if it had never been.
    @Test(arguments: ["llama-tiny", "qwen2-tiny", "qwen3-tiny"], [1, 7, 16, 17])
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
