/// A number for every head, or every feed-forward block, and domain, `[layers, units, domains]`.
public struct UnitTable: Sendable, Equatable {
    public let layers: Int
    /// Units of one layer.
    public let units: Int
    public let domains: Int
    public internal(set) var values: [Float]

    /// - Precondition: `values` holds layers * units * domains numbers, or is nil for zeros.
    public init(layers: Int, units: Int, domains: Int, values: [Float]? = nil) {
        precondition(values == nil || values!.count == layers * units * domains)
        self.layers = layers
        self.units = units
        self.domains = domains
        self.values = values ?? Array(repeating: 0, count: layers * units * domains)
    }

    private func index(_ layer: Int, _ unit: Int, _ domain: Int) -> Int { (layer * units + unit) * domains + domain }

    public subscript(layer: Int, unit: Int, domain: Int) -> Float {
        get { values[index(layer, unit, domain)] }
        set { values[index(layer, unit, domain)] = newValue }
    }

    /// The values of one unit, `[domains]`.
    public subscript(layer: Int, unit: Int) -> [Float] {
        let start = index(layer, unit, 0)
        return Array(values[start..<start + domains])
    }

    /// sum_k weight_k value_{l,u,k}, `[layers][units]`.
    public func mixed(by weights: [Double]) -> [[Double]] {
        (0..<layers).map { layer in
            (0..<units).map { unit in
                let start = index(layer, unit, 0)
                var sum = 0.0
                for domain in 0..<domains { sum += weights[domain] * Double(values[start + domain]) }
                return sum
            }
        }
    }

    /// The table with each layer's values of a domain shifted and scaled to zero mean and unit deviation.
    func standardizedByLayer() -> UnitTable {
        var result = self
        for layer in 0..<layers {
            for domain in 0..<domains {
                let column = (0..<units).map { Double(self[layer, $0, domain]) }
                let mean = column.reduce(0, +) / Double(units)
                let variance = column.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(units)
                for unit in 0..<units {
                    result[layer, unit, domain] = Float((column[unit] - mean) / (variance + 1e-24).squareRoot())
                }
            }
        }
        return result
    }
}
