/// Which heads of a model run, and what stands in for the others.
///
/// A head that does not run costs nothing: its query rows and output columns are skipped, and a key/value group
/// whose heads are all pruned is neither computed nor cached.
public struct Pathway: Sendable, Equatable, Codable {
    /// The heads that run, `[layers][kept]`, ascending.
    public let keptHeads: [[Int]]
    /// Added to the residual stream after each layer's attention, `[layers][width]`; empty for a layer that
    /// adds nothing.
    public let biases: [[Float]]

    /// - Parameter biases: one vector for each layer, or an empty list where no layer adds anything.
    public init(keptHeads: [[Int]], biases: [[Float]] = []) {
        self.keptHeads = keptHeads.map { $0.sorted() }
        self.biases = biases.isEmpty ? Array(repeating: [], count: keptHeads.count) : biases
    }

    /// The pathway of all heads.
    public static func dense(layers: Int, heads: Int) -> Pathway {
        Pathway(keptHeads: Array(repeating: Array(0..<heads), count: layers))
    }

    /// The share of heads that do not run, of `heads` in each layer.
    public func prunedFraction(heads: Int) -> Double {
        let total = keptHeads.count * heads
        return total == 0 ? 0 : 1 - Double(keptHeads.reduce(0) { $0 + $1.count }) / Double(total)
    }
}
