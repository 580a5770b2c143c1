/// The embeddings of a domain's texts.
public struct EmbeddedPool: Sendable, Equatable {
    public let domain: String
    /// `[texts][width]`
    public let embeddings: [[Float]]
    /// The mean residual of the texts' first tokens, attention sinks, `[width]`; empty where there are none.
    public let sink: [Float]

    public init(domain: String, embeddings: [[Float]], sink: [Float] = []) {
        self.domain = domain
        self.embeddings = embeddings
        self.sink = sink
    }
}

extension FeatureReader {
    /// The embedding of each text of a pool, stopwords removed. A text of one token is left out: it is a sink alone.
    ///
    /// - Parameter onText: called after each text.
    public func embed(_ pool: TextPool, onText: () -> Void = {}) throws -> EmbeddedPool {
        var sink: [Float] = []
        var embeddings: [[Float]] = []
        for text in pool.texts {
            let (mean, first) = try embedding(of: TextNormalization.apply(text))
            if sink.isEmpty { sink = first.map { _ in 0 } }
            for i in sink.indices { sink[i] += first[i] / Float(pool.texts.count) }
            if let mean { embeddings.append(mean) }
            onText()
        }
        return EmbeddedPool(domain: pool.domain, embeddings: embeddings, sink: sink)
    }
}
