/// A number for every head and domain, `[layers, heads, domains]`.
public struct HeadTable: Sendable, Equatable {
    public let layers: Int
    public let heads: Int
    public let domains: Int
    public internal(set) var values: [Float]

    /// - Precondition: `values` holds layers * heads * domains numbers, or is nil for zeros.
    public init(layers: Int, heads: Int, domains: Int, values: [Float]? = nil) {
        precondition(values == nil || values!.count == layers * heads * domains)
        self.layers = layers
        self.heads = heads
        self.domains = domains
        self.values = values ?? Array(repeating: 0, count: layers * heads * domains)
    }

    private func index(_ layer: Int, _ head: Int, _ domain: Int) -> Int { (layer * heads + head) * domains + domain }

    public subscript(layer: Int, head: Int, domain: Int) -> Float {
        get { values[index(layer, head, domain)] }
        set { values[index(layer, head, domain)] = newValue }
    }

    /// The values of one head, `[domains]`.
    public subscript(layer: Int, head: Int) -> [Float] {
        let start = index(layer, head, 0)
        return Array(values[start..<start + domains])
    }

    /// sum_k weight_k value_{l,h,k}, `[layers][heads]`.
    public func mixed(by weights: [Double]) -> [[Double]] {
        (0..<layers).map { layer in
            (0..<heads).map { head in
                var sum = 0.0
                for domain in 0..<domains { sum += weights[domain] * Double(self[layer, head, domain]) }
                return sum
            }
        }
    }
}
