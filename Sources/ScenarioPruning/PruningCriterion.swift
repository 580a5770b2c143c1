import Transformer

/// How heads are scored for a scenario.
public enum PruningCriterion: String, Sendable, CaseIterable, Codable {
    /// The published method: how much of a head's write, seen by the probes, lies along the scenario's domain axes.
    case axisEnergy = "axis-energy"
    /// Scores drawn from a seed: what any criterion must beat.
    case random
    /// How long a head's write is relative to the residual stream.
    case writeNorm = "write-norm"

    public static let `default` = PruningCriterion.axisEnergy
}

/// What stands in for a pruned head.
public enum Compensation: String, Sendable, CaseIterable, Codable {
    /// Its mean output over the scenario's mixture of domains, as a constant added to the residual stream.
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
    /// A score for every head, `[layers][heads]`; higher is kept.
    ///
    /// - Parameters:
    ///   - weights: the scenario's domain relevances, or equal weights.
    ///   - seed: used by ``random`` alone.
    func scores(_ importance: HeadImportance, weights: [Double], seed: UInt64) -> [[Double]] {
        switch self {
        case .axisEnergy: return importance.axisEnergy.mixed(by: weights)
        case .writeNorm: return importance.writeNorm.mixed(by: weights)
        case .random:
            var generator = SplitMix64(seed: seed)
            return (0..<importance.axisEnergy.layers).map { _ in
                (0..<importance.axisEnergy.heads).map { _ in generator.unit() }
            }
        }
    }
}
