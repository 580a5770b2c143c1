import Basics

/// The paired permutation test of a mean difference, two-sided, over clusters.
///
/// Were there no difference, each cluster's differences could as well have the other sign. The p-value is the share of
/// sign patterns, the observed one included, whose mean is at least as far from 0; a cluster's values flip together.
/// As SciPy's `permutation_test(permutation_type="samples")` where every cluster has one value.
public struct SignFlipTest: Sendable, Codable, Equatable {
    /// Up to this many clusters that differ, every pattern is counted; beyond, patterns are drawn.
    public static let exactLimit = 14
    public static let defaultResamples = 9999

    public let pValue: Double
    /// Whether every pattern was counted.
    public let isExact: Bool

    /// - Parameters:
    ///   - clusters: the differences of each cluster.
    ///   - resamples: patterns that are drawn where there are too many to count.
    public init(_ clusters: [[Double]], resamples: Int = defaultResamples, seed: UInt64) {
        // The number of values is the same under every pattern, so sums decide; a zero never changes one. Sums of
        // differences that cancel leave a hair of them.
        let sums = clusters.compactMap { values in
            let sum = values.reduce(0, +)
            return abs(sum) > 1e-12 * values.reduce(0) { $0 + abs($1) } ? sum : nil
        }
        let observed = abs(sums.reduce(0, +))
        // Equal sums in another order may differ in the last bits.
        let least = observed - 1e-12 * sums.reduce(0) { $0 + abs($1) }
        isExact = sums.count <= Self.exactLimit
        if isExact {
            let patterns = 1 << sums.count
            let extreme = (0..<patterns).count { abs(Self.sum(sums, negating: UInt64($0))) >= least }
            pValue = Double(extreme) / Double(patterns)
        } else {
            var generator = SplitMix64(seed: seed)
            let extreme = (0..<resamples).count { _ in
                var total = 0.0
                for start in stride(from: 0, to: sums.count, by: 64) {
                    total += Self.sum(sums[start..<min(start + 64, sums.count)], negating: generator.next())
                }
                return abs(total) >= least
            }
            pValue = Double(extreme + 1) / Double(resamples + 1)
        }
    }

    /// The sum with the signs turned where `pattern` has a bit, lowest first; at most 64 values.
    private static func sum(_ values: some Sequence<Double>, negating pattern: UInt64) -> Double {
        var pattern = pattern
        return values.reduce(0) { total, value in
            defer { pattern >>= 1 }
            return pattern & 1 == 0 ? total + value : total - value
        }
    }
}
