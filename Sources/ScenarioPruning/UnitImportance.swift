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

    /// Adds mean inputs of the projection of `layer` over a mixture of domains to `sums`, `[inputs]`.
    ///
    /// - Parameter ranges: which inputs.
    func addMeans(
        of ranges: [Range<Int>], in layer: Int, mixture: [Double], to sums: UnsafeMutableBufferPointer<Float>
    ) {
        for (domain, weight) in mixture.enumerated() where weight != 0 {
            means[layer][domain].withUnsafeBytes { values in
                for range in ranges {
                    add(Float(weight), times: values, to: UnsafeMutableRawBufferPointer(sums), in: range)
                }
            }
        }
    }
}

/// Adds `weight` times the floats of `values` in a range to those of `sums`: in vectors as long as a block, because
/// this is part of each compilation.
private func add(
    _ weight: Float, times values: UnsafeRawBufferPointer, to sums: UnsafeMutableRawBufferPointer, in range: Range<Int>
) {
    let (lanes, size) = (SIMD16<Float>.scalarCount, MemoryLayout<Float>.stride)
    let whole = range.lowerBound + range.count / lanes * lanes
    for i in stride(from: range.lowerBound, to: whole, by: lanes) {
        let before = sums.loadUnaligned(fromByteOffset: size * i, as: SIMD16<Float>.self)
        let value = values.loadUnaligned(fromByteOffset: size * i, as: SIMD16<Float>.self)
        sums.storeBytes(of: before + weight * value, toByteOffset: size * i, as: SIMD16<Float>.self)
    }
    for i in whole..<range.upperBound {
        let before = sums.load(fromByteOffset: size * i, as: Float.self)
        let value = values.load(fromByteOffset: size * i, as: Float.self)
        sums.storeBytes(of: before + weight * value, toByteOffset: size * i, as: Float.self)
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
