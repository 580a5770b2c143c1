import Transformer

/// Measures an order of feed-forward channels: by the variance of what they write, averaged over the domains.
struct ChannelOrderMeasurement {
    private struct Sums {
        /// Over tokens, `[layers][channels]`.
        var values: [[Double]]
        var squares: [[Double]]
        var tokens = 0
    }

    private let model: DecoderModel
    private var domains: [Sums]

    /// - Parameter model: in its checkpoint's order of channels.
    init(_ model: DecoderModel, domains: Int) {
        precondition(model.channelOrder == nil)
        self.model = model
        let zeros = model.layers.map { _ in Array(repeating: 0.0, count: model.configuration.feedForwardWidth) }
        self.domains = Array(repeating: Sums(values: zeros, squares: zeros), count: domains)
    }

    /// Adds a text as written.
    mutating func add(_ taps: MeanTaps, domain: Int) {
        guard let moments = taps.channels else { return }
        for layer in model.layers.indices {
            for channel in moments.sums[layer].indices {
                domains[domain].values[layer][channel] += moments.sums[layer][channel]
                domains[domain].squares[layer][channel] += moments.squares[layer][channel]
            }
        }
        domains[domain].tokens += taps.tokenCount
    }

    var result: ChannelOrder {
        let strengths = model.layers.enumerated().map { layer, weights in
            columnSquares(of: weights.down).enumerated().map { channel, square in
                square * domains.reduce(0) { $0 + variance($1, layer, channel) }
            }
        }
        return ChannelOrder(byFalling: strengths, fixed: model.layersOfFixedGroups)
    }

    private func variance(_ sums: Sums, _ layer: Int, _ channel: Int) -> Double {
        let tokens = Double(max(sums.tokens, 1))
        let mean = sums.values[layer][channel] / tokens
        return max(0, sums.squares[layer][channel] / tokens - mean * mean)
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
