import Basics

/// The Mann-Whitney U test, one-sided: is the first sample stochastically less than the second?
///
/// Normal approximation with tie and continuity corrections, as SciPy's `mannwhitneyu(method="asymptotic",
/// alternative="less")`.
public struct MannWhitneyTest: Sendable, Codable, Equatable {
    /// U of the first sample: the pairs in which it is the larger, ties counting half.
    public let statistic: Double
    public let pValue: Double

    /// nil where a sample is empty.
    public init?(_ first: [Double], lessThan second: [Double]) {
        guard !first.isEmpty, !second.isEmpty else { return nil }
        let all = (first.map { ($0, true) } + second.map { ($0, false) }).sorted { $0.0 < $1.0 }
        let (n1, n2, n) = (Double(first.count), Double(second.count), Double(all.count))
        var rankSum = 0.0
        var tieTerm = 0.0
        var start = 0
        while start < all.count {
            var end = start
            while end < all.count, all[end].0 == all[start].0 { end += 1 }
            let tied = Double(end - start)
            let rank = Double(start + end + 1) / 2
            rankSum += rank * Double(all[start..<end].count { $0.1 })
            tieTerm += tied * tied * tied - tied
            start = end
        }
        statistic = rankSum - n1 * (n1 + 1) / 2
        let deviation = (n1 * n2 / 12 * (n + 1 - tieTerm / (n * max(n - 1, 1)))).squareRoot()
        guard deviation > 0 else {
            pValue = 1
            return
        }
        let z = (statistic - n1 * n2 / 2 + 0.5) / deviation
        pValue = min(1, max(0, 0.5 * erfc(-z / 2.0.squareRoot())))
    }
}
