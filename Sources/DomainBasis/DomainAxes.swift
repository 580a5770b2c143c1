/// Domain axes in a model's own embedding space: each domain's mean direction once the mean of all is removed.
///
/// The embedding of a text is its mean post-attention residual at the middle layer, each feature divided by its
/// standard deviation over the pools. Unlike those of ``DomainSpace``, which domains are chosen by, means hold a text's
/// first token.
public struct DomainAxes: Sendable {
    private let standard: Standardization
    /// Unit vectors, `[domains][width]`; zero for a domain whose mean is that of all, as where it is the only one.
    public let axes: [[Double]]

    /// - Parameter pools: for each domain, the embeddings of its texts, `[domains][texts][width]`.
    public init(pools: [[[Float]]]) {
        let standard = Standardization(pools: [pools.flatMap(\.self)])
        self.standard = standard
        axes = pools.map { Self.direction($0, standard) }
    }

    private static func direction(_ rows: [[Float]], _ standard: Standardization) -> [Double] {
        var sum = [Double](repeating: 0, count: standard.mean.count)
        for row in rows { for (i, value) in standard.apply(row).enumerated() { sum[i] += value } }
        // Of texts whose mean is that of all, rounding leaves a hair.
        let least = 1e-9 * Double(rows.count) * Double(sum.count).squareRoot()
        return dot(sum, sum).squareRoot() > least ? unit(sum) : sum.map { _ in 0 }
    }

    /// How similar a set of texts is to each axis: the cosine of its mean direction, 0 where negative.
    public func similarity(of embeddings: [[Float]]) -> [Double] {
        let direction = Self.direction(embeddings, standard)
        return axes.map { max(0, dot($0, direction)) }
    }
}
