/// All eigenvalues and eigenvectors of a small symmetric matrix, by cyclic Jacobi rotations.
///
/// Each rotation zeroes one entry beside the diagonal; sweeps over all of them shrink the rest quadratically in the
/// end, so a handful of sweeps reaches the rounding of double precision (Golub and Van Loan, 8.5).
struct SymmetricEigenvalues {
    /// In falling order, `[size]`.
    let values: [Double]
    /// Unit eigenvectors in the order of their values, `[size][size]`.
    let vectors: [[Double]]

    private static let largestSweepCount = 60

    /// - Parameter matrix: `[size][size]`, symmetric.
    init(_ matrix: [[Double]]) {
        let size = matrix.count
        var a = matrix
        // Row k becomes the eigenvector of a[k][k].
        var rows = (0..<size).map { i in (0..<size).map { $0 == i ? 1.0 : 0 } }
        let scale = matrix.reduce(0) { $0 + dot($1, $1) }
        for _ in 0..<Self.largestSweepCount {
            var outside = 0.0
            for i in 0..<size { for j in 0..<i { outside += a[i][j] * a[i][j] } }
            if outside <= 1e-32 * scale { break }
            for p in 0..<size {
                for q in p + 1..<max(size, p + 1) where a[p][q] != 0 { Self.rotate(&a, &rows, p, q) }
            }
        }
        let order = (0..<size).sorted { (a[$1][$1], $0) < (a[$0][$0], $1) }
        values = order.map { a[$0][$0] }
        vectors = order.map { rows[$0] }
    }

    /// The rotation in the plane of p and q that zeroes a[p][q].
    private static func rotate(_ a: inout [[Double]], _ rows: inout [[Double]], _ p: Int, _ q: Int) {
        let theta = (a[q][q] - a[p][p]) / (2 * a[p][q])
        let tangent = (theta < 0 ? -1 : 1) / (abs(theta) + (theta * theta + 1).squareRoot())
        let cosine = 1 / (tangent * tangent + 1).squareRoot()
        let sine = tangent * cosine
        for k in a.indices {
            let (first, second) = (a[k][p], a[k][q])
            a[k][p] = cosine * first - sine * second
            a[k][q] = sine * first + cosine * second
        }
        for k in a.indices {
            let (first, second) = (a[p][k], a[q][k])
            a[p][k] = cosine * first - sine * second
            a[q][k] = sine * first + cosine * second
            let (left, right) = (rows[p][k], rows[q][k])
            rows[p][k] = cosine * left - sine * right
            rows[q][k] = sine * left + cosine * right
        }
        a[p][q] = 0
        a[q][p] = 0
    }
}
