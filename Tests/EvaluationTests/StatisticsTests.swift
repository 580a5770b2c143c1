import Evaluation
import Foundation
import TestSupport
import Testing

private struct Reference: Decodable {
    struct SignFlip: Decodable {
        let clusters: [[Double]]
        let pValue: Double
    }
    struct Bootstrap: Decodable {
        let clusters: [[Double]]
        let low: Double
        let high: Double
    }
    let signFlip: [SignFlip]
    let bootstrap: [Bootstrap]

    static func read() throws -> Reference {
        try JSONDecoder().decode(Reference.self, from: Data(contentsOf: Fixtures.url("statistics.json")))
    }
}

@Suite struct ClusterBootstrapTests {
    /// Every possible draw, and SciPy. The percentile of 200000 draws has a standard error of 0.006 standard deviations
    /// of the mean; where few draws are possible it lands on one of them or the next.
    @Test func intervalsAgreeWithEveryDrawAndSciPy() throws {
        for reference in try Reference.read().bootstrap {
            let found = try #require(ClusterBootstrap.interval(of: reference.clusters, resamples: 200_000, seed: 3))
            let tolerance = 0.03 * (reference.high - reference.low) / 3.92
            #expect(abs(found.low - reference.low) < tolerance)
            #expect(abs(found.high - reference.high) < tolerance)
        }
    }

    /// For many clusters the interval is the normal one: mean +- 1.96 sd / sqrt(n).
    @Test func manyClustersGiveTheNormalInterval() throws {
        let values = (0..<1000).map { Double($0 % 10) }
        let found = try #require(ClusterBootstrap.interval(of: values.map { [$0] }, resamples: 20_000, seed: 1))
        let deviation = (8.25 / 1000).squareRoot()
        #expect(abs(found.low - (4.5 - 1.96 * deviation)) < 0.05 * deviation)
        #expect(abs(found.high - (4.5 + 1.96 * deviation)) < 0.05 * deviation)
    }

    /// Turns that agree within their scenario say less than as many independent ones.
    @Test func clustersWidenTheInterval() throws {
        let alone = try #require(ClusterBootstrap.interval(of: (0..<40).map { [Double($0 % 2)] }, seed: 1))
        let clustered = try #require(
            ClusterBootstrap.interval(of: (0..<8).map { Array(repeating: Double($0 % 2), count: 5) }, seed: 1))
        #expect(clustered.high - clustered.low > 1.5 * (alone.high - alone.low))
    }

    @Test func equalValuesAndNoValues() {
        #expect(
            ClusterBootstrap.interval(of: [[0.5, 0.5], [0.5]], seed: 1) == ConfidenceInterval(low: 0.5, high: 0.5))
        #expect(ClusterBootstrap.interval(of: [[2], []], seed: 1) == ConfidenceInterval(low: 2, high: 2))
        #expect(ClusterBootstrap.interval(of: [], seed: 1) == nil)
        #expect(ClusterBootstrap.interval(of: [[]], seed: 1) == nil)
    }

    @Test func theSeedDecides() {
        let clusters = (0..<30).map { [Double($0 * $0 % 17)] }
        #expect(ClusterBootstrap.interval(of: clusters, seed: 1) == ClusterBootstrap.interval(of: clusters, seed: 1))
        #expect(ClusterBootstrap.interval(of: clusters, seed: 1) != ClusterBootstrap.interval(of: clusters, seed: 2))
    }

    /// NumPy: `quantile([1, 2, 4, 8], p)`.
    @Test(arguments: [(0.0, 1.0), (0.25, 1.75), (0.5, 3), (0.9, 6.8), (1, 8)])
    func quantilesInterpolate(probability: Double, expected: Double) {
        #expect(abs(ClusterBootstrap.quantile(probability, ofSorted: [1, 2, 4, 8]) - expected) < 1e-12)
    }
}

@Suite struct SignFlipTests {
    /// Both count every pattern, so they agree to rounding.
    @Test func smallSamplesAgreeWithSciPy() throws {
        for reference in try Reference.read().signFlip {
            let test = SignFlipTest(reference.clusters, seed: 1)
            #expect(test.isExact)
            #expect(abs(test.pValue - reference.pValue) < 1e-12)
        }
    }

    /// n equal differences: only the observed pattern and its opposite are as extreme.
    @Test func allOneWay() {
        #expect(SignFlipTest(Array(repeating: [0.1], count: 6), seed: 1).pValue == 2.0 / 64)
        #expect(SignFlipTest([[1, 1], [1]], seed: 1).pValue == 0.5)
        #expect(SignFlipTest([], seed: 1).pValue == 1)
        #expect(SignFlipTest([[0], [0.5, -0.5]], seed: 1).pValue == 1)
        // 1 - 0.8 and 0 - 0.2 do not cancel to the last bit.
        #expect(SignFlipTest(Array(repeating: [1 - 0.8, 0 - 0.2], count: 8), seed: 1).pValue == 1)
    }

    /// Differences of +-1, drawn patterns against the binomial distribution: P(|S| >= 10) of 30 signs is 0.0987. Its
    /// standard error over 9999 patterns is 0.003.
    @Test func drawnPatternsAgreeWithTheBinomialDistribution() {
        let test = SignFlipTest((0..<30).map { [$0 < 20 ? 1 : -1] }, seed: 5)
        #expect(!test.isExact)
        #expect(abs(test.pValue - 0.0987) < 0.012)
        #expect(test == SignFlipTest((0..<30).map { [$0 < 20 ? 1 : -1] }, seed: 5))
    }

    /// More clusters than one word of random bits has.
    @Test func manyClusters() {
        let none = SignFlipTest((0..<300).map { [$0 % 2 == 0 ? 1 : -1] }, seed: 5)
        #expect(none.pValue == 1)
        #expect(SignFlipTest((0..<300).map { _ in [1] }, seed: 5).pValue == 1e-4)
    }
}
