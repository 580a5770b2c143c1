import Basics
import DomainBasis

/// What the probes say a scenario is about.
public struct Diagnosis: Sendable, Equatable {
    /// s_k: the largest calibrated probability over layers, 0 below 0.1, `[domains]`.
    public let relevance: [Double]
    /// c(s) in [0, 1]: the entropy of the normalised layer-mean probabilities over log K.
    public let breadth: Double
    /// s'_k: how likely each domain is to be the scenario's, the softmax over domains of the calibrated logits'
    /// mean over layers, `[domains]`; equal in a fallback. The first quarter of the layers counts twice as much as
    /// the rest, which repeat each other.
    public let mixture: [Double]
    /// The calibration that was used; nil for none.
    public let regime: CalibrationRegime?

    static let smallestRelevance = 0.1

    /// No domain is relevant: heads are scored by their domain average.
    public var isFallback: Bool { relevance.allSatisfy { $0 == 0 } }

    /// Weights for scores: the relevances, or one for every domain in a fallback.
    public var weights: [Double] { isFallback ? relevance.map { _ in 1 } : relevance }

    /// - Parameters:
    ///   - logits: the probes' z, `[layers][domains]`.
    ///   - firstQuarter: how many of the layers are the first quarter of the model's; nil for a quarter of `logits`.
    ///   - temperatures: for each regime; empty for no calibration.
    package init(
        logits: [[Double]], firstQuarter: Int? = nil, temperatures: [CalibrationRegime: RegimeCalibration]
    ) {
        let regime = Self.regime(logits, temperatures)
        let scales = regime.flatMap { temperatures[$0]?.temperatures } ?? logits.map { _ in 1 }
        let calibrated = zip(logits, scales).map { layer, temperature in layer.map { $0 / temperature } }
        let probabilities = calibrated.map { $0.map(sigmoid) }
        let domains = logits.first?.count ?? 0
        self.regime = regime
        let relevance = (0..<domains).map { domain in
            let largest = probabilities.map { $0[domain] }.max() ?? 0
            return largest < Self.smallestRelevance ? 0 : largest
        }
        self.relevance = relevance
        mixture =
            relevance.allSatisfy { $0 == 0 }
            ? relevance.map { _ in 1 / Double(domains) }
            : Self.softmax(Self.weightedMeans(calibrated, firstQuarter ?? Self.firstQuarter(of: logits.count)))
        let means = Self.layerMeans(probabilities)
        let sum = means.reduce(0, +)
        let entropy = means.reduce(0) { total, mean in
            let q = mean / max(sum, .leastNormalMagnitude)
            return q > 0 ? total - q * log(q) : total
        }
        breadth = domains > 1 ? min(1, entropy / log(Double(domains))) : 0
    }

    /// Every domain equally relevant.
    init(equalOver domains: Int) {
        relevance = Array(repeating: 1, count: domains)
        mixture = Array(repeating: 1 / Double(domains), count: domains)
        breadth = 1
        regime = nil
    }

    private static func softmax(_ logits: [Double]) -> [Double] {
        let peak = logits.max() ?? 0
        let weights = logits.map { exp($0 - peak) }
        let sum = weights.reduce(0, +)
        return weights.map { $0 / sum }
    }

    /// The layers that a diagnosis with an early exit runs, of a model of `layers`.
    static func firstQuarter(of layers: Int) -> Int { (layers + 3) / 4 }

    /// The mean over the first `count` layers, counted twice, and that over the others; of the first alone where there
    /// are no others.
    private static func weightedMeans(_ logits: [[Double]], _ count: Int) -> [Double] {
        let first = layerMeans(Array(logits.prefix(count)))
        guard logits.count > count else { return first }
        return zip(first, layerMeans(Array(logits.dropFirst(count)))).map { (2 * $0 + $1) / 3 }
    }

    private static func layerMeans(_ probabilities: [[Double]]) -> [Double] {
        guard let first = probabilities.first else { return [] }
        return first.indices.map { domain in
            probabilities.reduce(0) { $0 + $1[domain] } / Double(probabilities.count)
        }
    }

    /// The regime that the single-domain probabilities point to: one domain above one half is a single domain,
    /// several a mixture, none something else.
    private static func regime(
        _ logits: [[Double]], _ temperatures: [CalibrationRegime: RegimeCalibration]
    ) -> CalibrationRegime? {
        guard let single = temperatures[.singleDomain] else { return nil }
        let probabilities = zip(logits, single.temperatures).map { layer, t in layer.map { sigmoid($0 / t) } }
        let likely = layerMeans(probabilities).count { $0 > 0.5 }
        let regime: CalibrationRegime = likely == 1 ? .singleDomain : likely == 0 ? .outOfDomain : .crossDomain
        return temperatures[regime] == nil ? .singleDomain : regime
    }
}
