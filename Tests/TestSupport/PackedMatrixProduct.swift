import Transformer

extension PackedMatrix {
    /// W x in single precision.
    public func multiply(_ x: [Float], on pool: WorkerPool) throws -> [Float] {
        try VectorProducts(shapedAs: self, count: 1, on: pool)([self]) { _, input in _ = input.update(from: x) }[0]
    }
}
