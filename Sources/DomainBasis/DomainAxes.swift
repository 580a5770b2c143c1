import Foundation

/// Domain axes in a model's own embedding space: each domain's mean direction once the mean of all is removed.
///
/// The embedding of a text is its mean post-attention residual at the middle layer, each feature divided by its
/// standard deviation over the pools.
public struct DomainAxes: Sendable {
    private let mean: [Double]
    private let inverseDeviation: [Double]
    /// Unit vectors, `[domains][width]`.
    public let axes: [[Double]]

    /// - Parameter pools: for each domain, the embeddings of its texts, `[domains][texts][width]`.
    public init(pools: [[[Float]]]) {
        let all = pools.flatMap(\.self)
        let width = all.first?.count ?? 0
        let count = Double(max(all.count, 1))
        var mean = [Double](repeating: 0, count: width)
        for row in all { for i in 0..<width { mean[i] += Double(row[i]) / count } }
        var variance = [Double](repeating: 0, count: width)
        for row in all { for i in 0..<width { variance[i] += pow(Double(row[i]) - mean[i], 2) / count } }
        self.mean = mean
        let inverse = variance.map { 1 / ($0 + 1e-12).squareRoot() }
        inverseDeviation = inverse
        axes = pools.map { Self.direction($0, mean, inverse) }
    }

    private static func direction(_ rows: [[Float]], _ mean: [Double], _ inverseDeviation: [Double]) -> [Double] {
        var sum = [Double](repeating: 0, count: mean.count)
        for row in rows { for i in sum.indices { sum[i] += (Double(row[i]) - mean[i]) * inverseDeviation[i] } }
        let length = sum.reduce(0) { $0 + $1 * $1 }.squareRoot()
        return length > 0 ? sum.map { $0 / length } : sum
    }

    /// How similar a set of texts is to each axis: the cosine of its mean direction, 0 where negative.
    public func similarity(of embeddings: [[Float]]) -> [Double] {
        let direction = Self.direction(embeddings, mean, inverseDeviation)
        return axes.map { axis in max(0, zip(axis, direction).reduce(0) { $0 + $1.0 * $1.1 }) }
    }
}
