import Tokenizers
import Checkpoints
import TestSupport
import Testing
import Transformer

@Suite struct ChannelOrderTests {
    /// The last channel first: the groups backwards, and each of them.
    private static func backwards(_ model: DecoderModel) throws -> ChannelOrder {
        let channels = Array((0..<model.configuration.feedForwardWidth).reversed())
        return try ChannelOrder(sources: Array(repeating: channels, count: model.configuration.layers))
    }

    @Test func theDenseModelIsTheSameInAnyOrder() throws {
        let model = try DecoderModel(contentsOf: Fixtures.defaultModel, precision: .float32)
        let ordered = try model.reloaded(channelOrder: try Self.backwards(model))
        let ids = model.tokenizer.encode("Acids give protons to bases.")
        // Groups are summed in another order, in single precision.
        let logits = try [model, ordered].map { try InferenceSession($0).logits(after: ids) }
        #expect(zip(logits[0], logits[1]).allSatisfy { abs($0 - $1) < 1e-2 })
        #expect(ordered.fingerprint == model.fingerprint)
    }

    @Test func channelsStandInTheOrderOfTheModel() throws {
        let model = try Fixtures.tinyModel("llama-tiny")
        let ordered = try model.reloaded(channelOrder: try Self.backwards(model))
        let taps = try [model, ordered].map { try InferenceSession($0).taps(over: [5, 6, 7], of: .channels) }
        for layer in 0..<model.configuration.layers {
            let (plain, moved) = (taps[0].channels(layer: layer), taps[1].channels(layer: layer))
            for (place, source) in ordered.channelOrder!.sources[layer].enumerated() {
                // Sums of another layer's channels in another order, in single precision.
                #expect(abs(moved[place] - plain[source]) < 1e-5)
            }
        }
    }

    /// The same channels pruned: the first block of one order is the last of its reverse.
    @Test func blocksAreThoseOfTheOrder() throws {
        let model = try DecoderModel(contentsOf: Fixtures.defaultModel, precision: .float32)
        let order = try Self.backwards(model)
        let ordered = try model.reloaded(channelOrder: order)
        let heads = Array(repeating: Array(0..<9), count: 30)
        func logits(_ model: DecoderModel, keeping blocks: [Int]) throws -> [Float] {
            let pathway = Pathway(
                keptHeads: heads, keptBlocks: Array(repeating: blocks, count: 30), channelOrder: model.channelOrder)
            return try InferenceSession(model, along: pathway).logits(after: [1, 2, 3, 4, 5])
        }
        let plain = try logits(model, keeping: [0, 3, 4, 5, 94])
        let moved = try logits(ordered, keeping: [95, 92, 91, 90, 1])
        #expect(zip(moved, plain).allSatisfy { abs($0 - $1) < 1e-2 })
        #expect(try logits(ordered, keeping: [0, 3, 4, 5, 94]) != plain)
    }

    @Test func aPathwayOfAnotherOrderIsRefused() throws {
        let model = try Fixtures.tinyModel("llama-tiny")
        let order = try Self.backwards(model)
        let pathway = Pathway(keptHeads: [[0], [0], [0]], keptBlocks: [[0], [0], [0]], channelOrder: order)
        #expect(throws: DecoderError.self) { try InferenceSession(model, along: pathway) }
        _ = try InferenceSession(model.reloaded(channelOrder: order), along: pathway)
        let headsAlone = Pathway(keptHeads: [[0], [0], [0]])
        _ = try InferenceSession(model.reloaded(channelOrder: order), along: headsAlone)
    }

    @Test func whatIsNoOrderIsRefused() throws {
        let model = try Fixtures.tinyModel("llama-tiny")
        let identity = Array(0..<96)
        let swapped = [32] + Array(1..<32) + [0] + Array(33..<96)
        let twice = Array(0..<32) + Array(0..<32) + Array(64..<96)
        let far = Array(0..<64) + Array(96..<128)
        let partialFirst = [32, 33] + Array(0..<32)
        for sources in [[[-1] + Array(1..<96)], [[1] + Array(1..<96)], [swapped], [twice], [far], [partialFirst]] {
            #expect(throws: DecoderError.self) { try ChannelOrder(sources: sources) }
        }
        for sources in [[identity], Array(repeating: Array(0..<64), count: 3)] {
            let order = try ChannelOrder(sources: sources)
            #expect(throws: DecoderError.self) { try model.reloaded(channelOrder: order) }
        }
    }

    @Test func strongChannelsComeFirstInTheirGroup() {
        let strengths = (0..<72).map { Double($0 % 7) + ($0 < 32 ? 0 : 1) }
        let order = ChannelOrder(byFalling: [strengths, strengths], fixed: [1])
        let first = order.sources[0]
        // What fills no group stays last, strong or not.
        #expect(first.prefix(32).sorted() == Array(32..<64) && first[32..<64].sorted() == Array(0..<32))
        #expect(first.suffix(8).sorted() == Array(64..<72))
        for group in [0..<32, 32..<64, 64..<72] {
            for (one, next) in zip(group, group.dropFirst()) {
                #expect(strengths[first[one]] >= strengths[first[next]])
            }
        }
        #expect(order.sources[1] == Array(32..<64) + Array(0..<32) + Array(64..<72))
    }
}
