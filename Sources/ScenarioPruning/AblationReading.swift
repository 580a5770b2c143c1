import Foundation
import Transformer

/// What a text's predictions make of ablations: one dense pass, then for each unit one pass from its layer on.
///
/// With z[t, v] the change of the logit of token v after position t when a unit is ablated, the Kullback-Leibler
/// divergence of the dense distribution p from the ablated one is `log E_p exp(z) - E_p z` at each position. The
/// expectations are taken over tokens drawn from p, so that the output head is read once for a text and not once for
/// each unit.
final class AblationReading {
    private let model: DecoderModel
    private let session: InferenceSession
    private let draws: Int

    /// - Parameter draws: next tokens drawn from the dense distribution at each position.
    init(_ model: DecoderModel, draws: Int) throws(DecoderError) {
        self.model = model
        self.draws = draws
        session = try InferenceSession(model)
    }

    /// The mean over positions of the divergence that each ablation causes, in nats, `[ablations]`.
    ///
    /// - Parameters:
    ///   - ids: the text; one position for each token.
    ///   - ablations: pathways that differ from the dense model in one layer, and that layer.
    ///   - onAblation: called after each.
    func divergences(
        of ids: [Int], ablations: [(layer: Int, pathway: Pathway)], generator: inout SplitMix64,
        onAblation: () throws -> Void
    ) throws -> [Double] {
        let width = model.configuration.width
        let (inputs, dense) = try densePass(ids)
        let rows = try drawnRows(ids, using: &generator)
        return try ablations.map { layer, pathway in
            try session.follow(pathway)
            let ablated = try session.finalHidden(inputs[layer], from: layer)
            var sum = 0.0
            rows.withUnsafeBufferPointer { rows in
                for token in ids.indices {
                    let change = (token * width..<(token + 1) * width).map { ablated[$0] - dense[$0] }
                    sum += change.withUnsafeBufferPointer { change in
                        divergence(
                            (0..<draws).map { draw in
                                let row = rows[(token * draws + draw) * width..<(token * draws + draw + 1) * width]
                                return Double(dotProduct(UnsafeBufferPointer(rebasing: row), change))
                            })
                    }
                }
            }
            try onAblation()
            return sum / Double(ids.count)
        }
    }

    /// `log E exp(z) - E z` over equally likely draws; their mean cancels, so z may be shifted.
    private func divergence(_ changes: [Double]) -> Double {
        let count = Double(changes.count)
        let peak = changes.max() ?? 0
        let mean = changes.reduce(0, +) / count
        return peak + log(changes.reduce(0) { $0 + exp($1 - peak) } / count) - mean
    }

    /// The residual streams entering each layer, `[layers][tokens * width]`, and the normalised input of the output
    /// head, `[tokens * width]`.
    private func densePass(_ ids: [Int]) throws -> (inputs: [[Float]], final: [Float]) {
        try session.follow(nil)
        let last = model.configuration.layers - 1
        var inputs = [try session.embeddings(of: ids)]
        for layer in 0..<last { inputs.append(try session.advance(inputs[layer], through: layer..<layer + 1)) }
        return (inputs, try session.finalHidden(inputs[last], from: last))
    }

    /// The output head's rows of tokens drawn from the dense predictions, `[tokens][draws][width]`.
    private func drawnRows(_ ids: [Int], using generator: inout SplitMix64) throws -> [Float] {
        var rows: [Float] = []
        rows.reserveCapacity(ids.count * draws * model.configuration.width)
        session.reset()
        try session.forEachLogits(after: ids) { _, logits in
            for id in systematicDraws(logits, start: generator.unit()) { rows += model.outputHead.row(id) }
        }
        return rows
    }

    /// Tokens at evenly spaced quantiles of the softmax: a token of probability p is drawn p * draws times, rounded up
    /// or down.
    ///
    /// - Parameter start: in [0, 1), where the first quantile lies.
    private func systematicDraws(_ logits: UnsafeBufferPointer<Float>, start: Double) -> [Int] {
        var peak = -Float.infinity
        for logit in logits where logit > peak { peak = logit }
        let weights = logits.map { Double(exp($0 - peak)) }
        let step = weights.reduce(0, +) / Double(draws)
        var drawn: [Int] = []
        var reached = 0.0
        for (id, weight) in weights.enumerated() {
            reached += weight
            while drawn.count < draws, reached > step * (start + Double(drawn.count)) { drawn.append(id) }
        }
        while drawn.count < draws { drawn.append(logits.count - 1) }
        return drawn
    }
}

/// sum_i x_i y_i, in sixteen sums.
private func dotProduct(_ x: UnsafeBufferPointer<Float>, _ y: UnsafeBufferPointer<Float>) -> Float {
    var sums = SIMD16<Float>.zero
    var i = 0
    while i + 16 <= x.count {
        let a = UnsafeRawPointer(x.baseAddress! + i).loadUnaligned(as: SIMD16<Float>.self)
        let b = UnsafeRawPointer(y.baseAddress! + i).loadUnaligned(as: SIMD16<Float>.self)
        sums += a * b
        i += 16
    }
    var sum = sums.sum()
    while i < x.count {
        sum += x[i] * y[i]
        i += 1
    }
    return sum
}
