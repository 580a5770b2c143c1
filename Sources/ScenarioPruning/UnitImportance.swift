/// What the offline stage measures of every unit of one kind.
public struct UnitImportance: Sendable, Equatable {
    public let kind: UnitKind
    /// For each criterion that is measured, see ``PruningCriterion``.
    public internal(set) var tables: [PruningCriterion: UnitTable]
    /// The mean input of the projection over the tokens of each domain's pool, `[layers][domains][inputs]`, of the
    /// texts as written.
    public let means: [[[Float]]]

    public init(kind: UnitKind, tables: [PruningCriterion: UnitTable], means: [[[Float]]]) {
        self.kind = kind
        self.tables = tables
        self.means = means
    }

    /// The mean input of the projection of `layer` over a mixture of domains, `[inputs]`.
    func mean(layer: Int, mixture: [Double]) -> [Float] {
        var sums = Array(repeating: Float(0), count: means[layer][0].count)
        sums.withUnsafeMutableBufferPointer { sums in
            for (domain, weight) in mixture.enumerated() where weight != 0 {
                // Without bounds checks, so that it runs in vectors: of every layer it is part of each compilation.
                means[layer][domain].withUnsafeBufferPointer { values in
                    for i in sums.indices { sums[i] += Float(weight) * values[i] }
                }
            }
        }
        return sums
    }
}

/// What the offline stage measures of heads and of feed-forward blocks.
public struct ModelImportance: Sendable, Equatable {
    public internal(set) var heads: UnitImportance
    public internal(set) var feedForward: UnitImportance

    public init(heads: UnitImportance, feedForward: UnitImportance) {
        self.heads = heads
        self.feedForward = feedForward
    }

    public subscript(kind: UnitKind) -> UnitImportance {
        get { kind == .heads ? heads : feedForward }
        set { if kind == .heads { heads = newValue } else { feedForward = newValue } }
    }
}
