/// The low-dimensional space in which candidate domains are compared (Domain-Basis Synthesis).
///
/// Embeddings are standardised and projected on their leading principal components; every domain weighs the same in
/// both, however many texts it has. The origin is the mean of all domains. Before the projection, embeddings lose what
/// they have along the direction of the attention sinks: some texts have a second one past their first token, and would
/// otherwise lie apart from all others for that.
public struct DomainSpace: Sendable {
    /// In the order of names.
    public let domains: [String]
    public let components: PrincipalComponents
    /// Where each text lies, `[domains][texts][dimensions]`.
    public let coordinates: [[[Double]]]
    /// The direction of each domain's mean, unit vectors `[domains][dimensions]`.
    public let axes: [[Double]]

    public static let defaultDimensions = 16

    /// - Parameters:
    ///   - dimensions: of the space; fewer where the embeddings vary in fewer directions.
    ///   - seed: where the search for the principal components starts.
    /// - Throws: ``DomainSelectionError`` where names repeat, a pool is empty, or a domain's mean is that of all.
    public init(
        _ pools: [EmbeddedPool], dimensions: Int = defaultDimensions, seed: UInt64 = 42
    ) throws(DomainSelectionError) {
        let pools = pools.sorted { $0.domain < $1.domain }
        try DomainSelectionError.requireDistinct(pools.map(\.domain))
        if let empty = pools.first(where: \.embeddings.isEmpty) { throw .emptyPool(empty.domain) }
        let standard = Standardization(pools: pools.map(\.embeddings))
        let sink = Self.direction(ofSinks: pools, standard)
        let rows = pools.map { $0.embeddings.map { without(sink, standard.apply($0)) } }
        let weights = rows.flatMap { pool in pool.map { _ in 1 / Double(pool.count) } }
        let components = PrincipalComponents(rows.flatMap(\.self), weights: weights, count: dimensions, seed: seed)
        let coordinates = rows.map { $0.map(components.coordinates) }
        var axes: [[Double]] = []
        for (pool, points) in zip(pools, coordinates) {
            var mean = [Double](repeating: 0, count: components.directions.count)
            for point in points { for i in mean.indices { mean[i] += point[i] / Double(points.count) } }
            let length = dot(mean, mean).squareRoot()
            // Written so that a length that is no number is refused, too.
            guard length > 1e-9 * components.totalVariance.squareRoot() else { throw .noDirection(pool.domain) }
            axes.append(unit(mean))
        }
        domains = pools.map(\.domain)
        self.components = components
        self.coordinates = coordinates
        self.axes = axes
    }

    /// The unit vector along which the sinks lie from the mean of all; zero where no pool has any.
    private static func direction(ofSinks pools: [EmbeddedPool], _ standard: Standardization) -> [Double] {
        var sum = [Double](repeating: 0, count: standard.mean.count)
        for pool in pools where !pool.sink.isEmpty {
            for (i, value) in standard.apply(pool.sink).enumerated() { sum[i] += value }
        }
        return unit(sum)
    }

    /// `1 - |cos|` of every two axes, `[domains][domains]`: 1 for axes at right angles, 0 on the diagonal.
    public var orthogonality: [[Double]] {
        axes.indices.map { first in
            axes.indices.map { $0 == first ? 0 : max(0, 1 - abs(dot(axes[first], axes[$0]))) }
        }
    }
}
