import Transformer

extension PackedMatrix {
    /// W x in single precision.
    public func multiply(_ x: [Float], on pool: WorkerPool) throws -> [Float] {
        try VectorProduct(shapedAs: self, on: pool)(self, x)
    }
}
