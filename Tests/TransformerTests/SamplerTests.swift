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
}
