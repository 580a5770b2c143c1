/// Per-feature shift and scale to zero mean and unit variance.
struct Standardization: Sendable {
    let mean: [Double]
    let inverseDeviation: [Double]

    /// - Parameter pools: `[pools][rows][width]`. Every pool weighs the same, however many rows it has.
    init(pools: [[[Float]]]) {
        let pools = pools.filter { !$0.isEmpty }
        let width = pools.first?.first?.count ?? 0
        var mean = [Double](repeating: 0, count: width)
        var squares = mean
        for pool in pools {
            let divisor = Double(pool.count * pools.count)
            for row in pool { for i in 0..<width { mean[i] += Double(row[i]) / divisor } }
        }
        for pool in pools {
            let divisor = Double(pool.count * pools.count)
            for row in pool {
                for i in 0..<width {
                    let difference = Double(row[i]) - mean[i]
                    squares[i] += difference * difference / divisor
                }
            }
        }
        self.mean = mean
        inverseDeviation = squares.map { 1 / ($0 + 1e-12).squareRoot() }
    }

    func apply(_ row: [Float]) -> [Double] {
        row.indices.map { (Double(row[$0]) - mean[$0]) * inverseDeviation[$0] }
    }

    /// The probe on raw inputs that equals the given one on standardised inputs.
    func fold(weights: [[Double]], biases: [Double]) -> LinearProbe {
        let folded = weights.map { row in row.indices.map { row[$0] * inverseDeviation[$0] } }
        let shifted = zip(folded, biases).map { row, bias in bias - zip(row, mean).reduce(0) { $0 + $1.0 * $1.1 } }
        return LinearProbe(weights: folded.map { $0.map(Float.init) }, biases: shifted.map(Float.init))
    }
}
