extension GGUFFile {
    /// The number of weights.
    public var parameterCount: Int { tensors.reduce(0) { $0 + $1.elementCount } }

    /// The element type of most of the layers' matrices, as in file names: `Q4_1`.
    public var quantization: String {
        let types = tensors.filter { $0.name.hasPrefix("blk.") && $0.dimensions.count > 1 }.map(\.type)
        let counts = Dictionary(grouping: types, by: \.self).mapValues(\.count)
        let most = counts.max { ($0.value, $0.key.rawValue) < ($1.value, $1.key.rawValue) }
        return (most?.key ?? .float32).description
    }
}
