/// The direction of one layer's residual stream along which first tokens lie: attention sinks (Xiao et al., 2024).
///
/// A first token's residual is far longer than the others' and much the same in every text. Its share of a mean over all
/// tokens is one over their number, so that without more ado a text of a few words looks like none of any domain.
public struct AttentionSink: Sendable, Equatable {
    /// A unit vector, `[width]`; zero where first tokens are as all others.
    public let direction: [Double]

    /// - Parameters:
    ///   - firsts: the residual of each text's first token, `[texts][width]`.
    ///   - means: the mean over all tokens of each text, likewise.
    public init(firsts: [[Float]], means: [[Float]]) {
        direction = unit(zip(Self.mean(firsts), Self.mean(means)).map { $0 - $1 })
    }

    private static func mean(_ rows: [[Float]]) -> [Double] {
        var mean = [Double](repeating: 0, count: rows.first?.count ?? 0)
        for row in rows { for i in mean.indices { mean[i] += Double(row[i]) / Double(rows.count) } }
        return mean
    }

    /// `residual` less its part along the sink.
    func removed(from residual: [Float]) -> [Float] { without(direction, residual.map(Double.init)).map(Float.init) }

    /// The probe of residuals as they are that equals `probe` on residuals without their part along the sink.
    func fold(_ probe: LinearProbe) -> LinearProbe {
        LinearProbe(weights: probe.weights.map(removed), biases: probe.biases)
    }
}
