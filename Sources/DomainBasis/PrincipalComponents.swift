import Basics

/// The directions in which rows vary most: the leading eigenvectors of their covariance.
///
/// Found by orthogonal iteration with Rayleigh-Ritz projection (Golub and Van Loan, 8.2.4): a block of more vectors
/// than are wanted is multiplied by the covariance, made orthonormal and turned to its own principal axes, until every
/// wanted eigenpair leaves a residual `||C v - lambda v||` of at most 1e-10 of the largest eigenvalue. The covariance
/// itself is never formed, so width costs memory only for the rows.
///
/// Convergence is geometric in the ratio of the first eigenvalue outside the block to the last wanted one; the block
/// holds twice as many vectors as are wanted, and eight. Should 1000 rounds not be enough, the
/// directions found are still orthonormal, and only those of nearly equal variance may be mixed with each other.
public struct PrincipalComponents: Sendable {
    /// The weighted mean of the rows, `[width]`.
    public let mean: [Double]
    /// Unit vectors by falling variance, `[components][width]`; the largest entry of each is positive.
    public let directions: [[Double]]
    /// The variance along each direction, `[components]`.
    public let variances: [Double]
    /// The variance in all directions together.
    public let totalVariance: Double

    private static let tolerance = 1e-10
    private static let roundLimit = 1000

    /// - Parameters:
    ///   - rows: `[rows][width]`.
    ///   - weights: what each row counts, positive; nil for the same. They are scaled to a sum of one.
    ///   - count: how many components; fewer come where the rows vary in fewer directions.
    ///   - seed: where the iteration starts. What it converges to does not depend on it.
    public init(_ rows: [[Double]], weights: [Double]? = nil, count: Int, seed: UInt64 = 42) {
        let width = rows.first?.count ?? 0
        let given = weights ?? rows.map { _ in 1 }
        let sum = given.reduce(0, +)
        var mean = [Double](repeating: 0, count: width)
        for (row, weight) in zip(rows, given) { for i in 0..<width { mean[i] += weight / sum * row[i] } }
        // Rows scaled by the root of their weight: the covariance is then their plain product.
        let scaled = zip(rows, given).map { row, weight in
            let root = (weight / sum).squareRoot()
            return row.indices.map { (row[$0] - mean[$0]) * root }
        }
        self.mean = mean
        totalVariance = scaled.reduce(0) { $0 + dot($1, $1) }
        let count = min(count, width, rows.count)
        let size = min(width, rows.count, 2 * count + 8)
        // Of equal rows rounding leaves a hair.
        guard count > 0, size > 0, totalVariance > 1e-18 * Double(width) else {
            directions = []
            variances = []
            return
        }
        var generator = SplitMix64(seed: seed)
        var block = (0..<size).map { _ in (0..<width).map { _ in 2 * generator.unit() - 1 } }
        var variances: [Double] = []
        for round in 1...Self.roundLimit {
            Self.orthonormalize(&block)
            let image = Self.product(scaled, block)
            let small = SymmetricEigenvalues(block.map { vector in image.map { dot(vector, $0) } })
            block = Self.turned(block, small.vectors)
            let turnedImage = Self.turned(image, small.vectors)
            variances = small.values
            let isDone = (0..<min(count, size)).allSatisfy { index in
                let rest = zip(turnedImage[index], block[index]).map { $0 - small.values[index] * $1 }
                return dot(rest, rest).squareRoot() <= Self.tolerance * small.values[0]
            }
            if isDone || round == Self.roundLimit { break }
            block = turnedImage
        }
        // Rounding leaves a little variance in directions that have none.
        let kept = variances.prefix(count).prefix { $0 > 1e-12 * variances[0] }.count
        self.variances = Array(variances.prefix(kept))
        directions = block.prefix(kept).map(Self.signed)
    }

    /// A row's coordinates along the directions, `[components]`.
    public func coordinates(of row: [Double]) -> [Double] {
        let centred = row.indices.map { row[$0] - mean[$0] }
        return directions.map { dot($0, centred) }
    }

    /// The share of the variance that lies along the directions.
    public var explainedVariance: Double { totalVariance > 0 ? variances.reduce(0, +) / totalVariance : 0 }

    /// The sum over rows of row (row . vector), for each vector: the covariance times the block.
    private static func product(_ rows: [[Double]], _ block: [[Double]]) -> [[Double]] {
        let size = block.count
        let width = block[0].count
        // Features outside, vectors inside: the inner loops run over contiguous memory and need no reordered sums.
        let features = (0..<width * size).map { block[$0 % size][$0 / size] }
        var result = [Double](repeating: 0, count: width * size)
        var along = [Double](repeating: 0, count: size)
        features.withUnsafeBufferPointer { features in
            result.withUnsafeMutableBufferPointer { result in
                along.withUnsafeMutableBufferPointer { along in
                    for row in rows {
                        along.update(repeating: 0)
                        for (i, value) in row.enumerated() {
                            for j in 0..<size { along[j] += value * features[i * size + j] }
                        }
                        for (i, value) in row.enumerated() {
                            for j in 0..<size { result[i * size + j] += value * along[j] }
                        }
                    }
                }
            }
        }
        return (0..<size).map { j in (0..<width).map { result[$0 * size + j] } }
    }

    /// Gram-Schmidt, twice over for orthogonality to rounding. A vector that depends on those before it becomes zero.
    private static func orthonormalize(_ block: inout [[Double]]) {
        for index in block.indices {
            let before = dot(block[index], block[index]).squareRoot()
            for _ in 0..<2 {
                for other in block[..<index] { add(-dot(block[index], other), other, to: &block[index]) }
            }
            let length = dot(block[index], block[index]).squareRoot()
            let scale = length > 1e-13 * before ? 1 / length : 0
            for i in block[index].indices { block[index][i] *= scale }
        }
    }

    /// The combinations of the block's vectors that each list of factors gives.
    private static func turned(_ block: [[Double]], _ factors: [[Double]]) -> [[Double]] {
        factors.map { row in
            var sum = [Double](repeating: 0, count: block[0].count)
            for (factor, vector) in zip(row, block) { add(factor, vector, to: &sum) }
            return sum
        }
    }

    private static func add(_ factor: Double, _ vector: [Double], to sum: inout [Double]) {
        for i in sum.indices { sum[i] += factor * vector[i] }
    }

    /// An eigenvector's sign is arbitrary; this one has its entry of largest magnitude positive, the first of equals.
    private static func signed(_ vector: [Double]) -> [Double] {
        var largest = 0.0
        for value in vector where abs(value) > abs(largest) { largest = value }
        return largest < 0 ? vector.map { -$0 } : vector
    }
}
