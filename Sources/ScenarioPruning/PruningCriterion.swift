import Basics

/// How heads and feed-forward blocks are scored for a scenario. Higher scores are kept.
public enum PruningCriterion: String, Sendable, CaseIterable, Codable, CodingKeyRepresentable {
    /// How much the predictions move when the unit is replaced by its domain's mean: the mean KL divergence of the
    /// next-token distribution from the dense model's, measured for heads and estimated for feed-forward blocks, see
    /// ``CausalMeasurement``.
    case causal
    /// The published method: how much of a unit's write, seen by the probes, lies along the scenario's domain axes,
    /// `E [ w_k^2 / (||w||^2 + 1e-8) ]` with `w = P_l W_u mean x_u`.
    case axisEnergy = "axis-energy"
    /// The variance of a unit's inputs, weighted by the squared lengths of the projection's columns; scores are
    /// standardised in each layer (FLAP; An et al., 2024).
    case fluctuation
    /// The magnitudes of the projection's weights times the root mean square of their inputs, summed over a unit
    /// (Wanda; Sun et al., 2024).
    case wanda
    /// How long a unit's write is relative to the residual stream, `E ||W_u mean x_u|| / ||mean r||`.
    case writeNorm = "write-norm"
    /// The probes' uncalibrated answer to a unit's write alone, `E sigmoid(w_k + b_k)`: the published code's
    /// stand-in for the axis-aligned energy.
    case sigmoidReference = "sigmoid-reference"
    /// Scores drawn from a seed: what any criterion must beat.
    case random

    public static let `default` = PruningCriterion.causal

    /// What is always kept unless a caller says otherwise: the backbone, as published, but nothing with causal
    /// importance, which has measured what each head is worth.
    public var alwaysKeep: AlwaysKeep { self == .causal ? .none : .whitelist }

    /// Whether the offline stage measures a table for it.
    public var isMeasured: Bool { self != .random }
}

/// What stands in for a pruned unit.
public enum Compensation: String, Sendable, CaseIterable, Codable {
    /// Its mean over the scenario's mixture of domains, as a constant added to the residual stream.
    case mean
    /// Nothing: its write is zero, as published.
    case none

    public static let `default` = Compensation.mean
}

/// Which heads a pathway never prunes.
public enum AlwaysKeep: String, Sendable, CaseIterable, Codable {
    /// The backbone: domain-invariant heads and the foundation layers.
    case whitelist
    /// The foundation layers alone.
    case foundation
    case none
}

extension PruningCriterion {
    /// How much of a scenario's causal importance is that of its own mixture of domains; the rest is the average over
    /// all domains, which is measured with less noise.
    static let mixtureShare = 0.75

    /// How far the causal importance of heads is evened out over layers: a score is divided by its layer's mean to this
    /// power. Ablated one at a time, heads of early layers cost more than those of late ones, and most of some late
    /// layers would go; together they cost more than their sum. 1 would have every layer lose about the same.
    /// Feed-forward blocks are pruned to less damage without it.
    static let layerBalance = 0.7

    /// What a block's causal importance counts for beside a head's. Blocks are estimated one by one and pruned by the
    /// hundred, and together they cost more than their sum by a larger factor than heads do.
    static let blockWeight = 2.0

    /// A scenario's weight for each domain: its relevances, as published, or for causal importance its mixture.
    package func weights(of diagnosis: Diagnosis) -> [Double] {
        guard self == .causal else { return diagnosis.weights }
        let average = (1 - Self.mixtureShare) / Double(diagnosis.mixture.count)
        return diagnosis.mixture.map { Self.mixtureShare * $0 + average }
    }

    /// Scores over their layer's mean to a power, on the scale of the scores' own mean.
    package static func balanced(_ scores: [[Double]], power: Double) -> [[Double]] {
        let means = scores.map { $0.reduce(0, +) / Double(max($0.count, 1)) }
        let mean = means.reduce(0, +) / Double(max(means.count, 1))
        return zip(scores, means).map { layer, layerMean in
            guard layerMean > 0 else { return layer }
            let factor = pow(mean / layerMean, power)
            return layer.map { $0 * factor }
        }
    }

    /// A score for every unit, `[layers][units]`; higher is kept.
    ///
    /// - Parameters:
    ///   - weights: the scenario's weight for each domain.
    ///   - seed: used by ``random`` alone.
    /// - Throws: ``PruningError/unmeasuredCriterion(_:measured:)`` where the artifacts hold no table for it.
    package func scores(_ importance: UnitImportance, weights: [Double], seed: UInt64) throws(PruningError)
        -> [[Double]]
    {
        guard isMeasured else {
            let shape = importance.tables.values.first
            var generator = SplitMix64(seed: seed)
            return (0..<importance.means.count).map { _ in
                (0..<(shape?.units ?? 0)).map { _ in generator.unit() }
            }
        }
        guard let table = importance.tables[self] else {
            throw .unmeasuredCriterion(
                "\(rawValue) \(importance.kind.rawValue)", measured: importance.tables.keys.map(\.rawValue).sorted())
        }
        switch self {
        case .causal:
            let scores = table.mixed(by: weights)
            return importance.kind == .heads
                ? Self.balanced(scores, power: Self.layerBalance)
                : scores.map { $0.map { Self.blockWeight * $0 } }
        case .fluctuation: return table.standardizedByLayer().mixed(by: weights)
        default: return table.mixed(by: weights)
        }
    }
}
