import Transformer

/// Measures an order of feed-forward channels: by the variance of what they write, averaged over the domains.
struct ChannelOrderMeasurement {
    private let model: DecoderModel
    private let domains: Int
    private var moments: DomainMoments

    /// - Parameter model: in its checkpoint's order of channels.
    init(_ model: DecoderModel, domains: Int) {
        precondition(model.channelOrder == nil)
        self.model = model
        self.domains = domains
        moments = DomainMoments(
            domains: domains, layers: model.configuration.layers, inputs: model.configuration.feedForwardWidth)
    }

    /// Adds a text as written.
    mutating func add(_ taps: MeanTaps, domain: Int) {
        guard let channels = taps.channels else { return }
        moments.add(channels, tokenCount: taps.tokenCount, domain: domain)
    }

    var result: ChannelOrder {
        let strengths = model.layers.enumerated().map { layer, weights in
            columnSquares(of: weights.down).enumerated().map { channel, square in
                square * (0..<domains).reduce(0) { $0 + moments.variance(layer, $1, channel) }
            }
        }
        return ChannelOrder(byFalling: strengths, fixed: model.layersOfFixedGroups)
    }

    /// The squared length of each column, `[columns]`.
    private func columnSquares(of matrix: PackedMatrix) -> [Double] {
        var squares = Array(repeating: 0.0, count: matrix.columns)
        for row in 0..<matrix.rows {
            for (column, weight) in matrix.row(row).enumerated() { squares[column] += Double(weight) * Double(weight) }
        }
        return squares
    }
}
