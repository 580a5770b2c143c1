import Basics

/// A 95% interval of a mean.
public struct ConfidenceInterval: Sendable, Codable, Equatable {
    public let low: Double
    public let high: Double

    public init(low: Double, high: Double) {
        self.low = low
        self.high = high
    }
}

/// The percentile bootstrap of a mean over values that come in clusters (Efron and Tibshirani, 1993).
///
/// The turns of a scenario share its pathway and its topic, so whole scenarios are drawn with replacement; a resample's
/// statistic is the mean over all its values, large clusters counting more. The same clusters and seed give the same
/// interval.
public enum ClusterBootstrap {
    public static let defaultResamples = 2000

    /// - Parameters:
    ///   - clusters: the values of each cluster; empty ones are left out.
    ///   - resamples: at least 1.
    /// - Returns: the 2.5th and 97.5th percentiles of the resampled means; nil without values.
    public static func interval(
        of clusters: [[Double]], resamples: Int = defaultResamples, seed: UInt64
    ) -> ConfidenceInterval? {
        let clusters = clusters.filter { !$0.isEmpty }
        guard !clusters.isEmpty else { return nil }
        let sums = clusters.map { $0.reduce(0, +) }
        let counts = clusters.map { Double($0.count) }
        var generator = SplitMix64(seed: seed)
        var means = (0..<max(1, resamples)).map { _ in
            var (sum, count) = (0.0, 0.0)
            for _ in clusters.indices {
                // The high word of a product: the same indices on every platform.
                let drawn = Int(generator.next().multipliedFullWidth(by: UInt64(clusters.count)).high)
                sum += sums[drawn]
                count += counts[drawn]
            }
            return sum / count
        }
        means.sort()
        return ConfidenceInterval(low: quantile(0.025, ofSorted: means), high: quantile(0.975, ofSorted: means))
    }

    /// Linear interpolation between order statistics, as NumPy's `quantile` by default.
    ///
    /// - Precondition: `sorted` is not empty and ascends; `probability` is in [0, 1].
    package static func quantile(_ probability: Double, ofSorted sorted: [Double]) -> Double {
        let position = probability * Double(sorted.count - 1)
        let below = Int(position)
        let above = min(below + 1, sorted.count - 1)
        return sorted[below] + (position - Double(below)) * (sorted[above] - sorted[below])
    }
}
