/// How much a pathway may lose: a share of the heads, or of the multiply-adds where feed-forward blocks are pruned as
/// well.
public enum PruningBudget: Sendable, Equatable {
    /// eta in [0, 1]; higher prunes more, and a broad scenario keeps more: `p = eta (1 - lambda c(s))`.
    case strength(Double)
    /// The pruned fraction itself, in [0, 1].
    case fraction(Double)

    /// lambda: how much a scenario's breadth saves.
    static let breadthWeight = 0.5
    /// No strength prunes more than this.
    static let largestFraction = 0.9

    /// The fraction to prune for a scenario of breadth `c(s)` in [0, 1].
    package func fraction(breadth: Double) -> Double {
        switch self {
        case .strength(let eta): min(eta * (1 - Self.breadthWeight * breadth), Self.largestFraction)
        case .fraction(let fraction): fraction
        }
    }

    func check() throws(PruningError) {
        switch self {
        case .strength(let value):
            guard (0...1).contains(value) else { throw .outOfRange("the pruning strength", value: value, range: 0...1) }
        case .fraction(let value):
            guard (0...1).contains(value) else { throw .outOfRange("the pruned fraction", value: value, range: 0...1) }
        }
    }
}
