import Basics
import Foundation
import Testing
import Transformer

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

    /// The most likely tokens are found a few at a time: as by sorting all of them.
    @Test func limitsAreThoseOfAllTokensSorted() {
        var random = SplitMix64(seed: 9)
        for round in 0..<60 {
            let spread = [0.1, 3, 30][round % 3]
            // Some of them equal.
            let logits = (0..<3000).map { _ in Float((random.unit() * 50).rounded() / 50 * spread) }
            for (topK, topP) in [(0, 0.3), (0, 0.999), (40, 1), (40, 0.8), (1, 0.5), (2999, 1), (5000, 0.9)] {
                let (temperature, seed) = ([0.3, 1, 4][round / 3 % 3], random.next())
                var sampler = LogitSampler(
                    SamplingParameters(temperature: temperature, topK: topK, topP: topP, seed: seed))
                var tokens = logits.indices.sorted { (logits[$1], $0) < (logits[$0], $1) }
                if topK > 0 { tokens = Array(tokens.prefix(topK)) }
                var weights = tokens.map { exp((Double(logits[$0]) - Double(logits.max()!)) / temperature) }
                var sum = 0.0
                let limit = topP * weights.reduce(0, +)
                let last = weights.firstIndex { weight in
                    sum += weight
                    return sum >= limit
                }
                if topP < 1, let last { weights = Array(weights[...last]) }
                var generator = SplitMix64(seed: seed)
                var left = generator.unit() * weights.reduce(0, +)
                let expected = weights.firstIndex { weight in
                    left -= weight
                    return left < 0
                }
                #expect(sampler.sample(logits) == tokens[expected ?? weights.count - 1])
            }
        }
    }

    @Test func whatIsNoNumberIsDrawn() {
        for bad: Float in [.nan, .infinity] {
            var sampler = LogitSampler(SamplingParameters(temperature: 1, seed: 1))
            #expect(sampler.sample([bad, 1, 2]) == 0)
        }
    }
}
