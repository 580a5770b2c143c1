/// The direction of one layer's residual stream along which first tokens lie: attention sinks (Xiao et al., 2024).
///
/// A first token's residual is far longer than the others' and much the same in every text. Its share of a mean over
/// all tokens is one over their number, so that without more ado a text of a few words looks like none of any domain.
public struct AttentionSink: Sendable, Equatable {
    /// A unit vector, `[width]`; zero where first tokens are as all others.
    public let direction: [Double]

    /// A direction that is known: a unit vector, or zero.
    package init(direction: [Double]) { self.direction = direction }

    /// `residual` less its part along the sink.
    func removed(from residual: [Float]) -> [Float] { without(direction, residual.map(Double.init)).map(Float.init) }

    /// The probe of residuals as they are that equals `probe` on residuals without their part along the sink.
    func fold(_ probe: LinearProbe) -> LinearProbe {
        LinearProbe(weights: probe.weights.map(removed), biases: probe.biases)
    }
}

/// Measures the attention sink of every layer, text by text: the mean of first tokens less that of all tokens.
public struct AttentionSinkMeasurement {
    /// `[layers][width]`, summed over texts.
    private var differences: [[Double]] = []

    public init() {}

    /// - Parameters:
    ///   - first: the residuals of a text's first token, `[layers][width]`.
    ///   - mean: the mean over all its tokens, likewise.
    public mutating func add(first: [[Float]], mean: [[Float]]) {
        if differences.isEmpty { differences = mean.map { $0.map { _ in 0 } } }
        for layer in mean.indices {
            for i in mean[layer].indices { differences[layer][i] += Double(first[layer][i]) - Double(mean[layer][i]) }
        }
    }

    /// One for each layer.
    public var sinks: [AttentionSink] { differences.map { AttentionSink(direction: unit($0)) } }
}
