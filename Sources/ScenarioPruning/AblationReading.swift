import Basics
import Transformer

/// What a text's predictions make of changes in one layer: one dense pass, then for each change one pass from its layer
/// on.
///
/// With z[t, v] the change of the logit of token v after position t, the Kullback-Leibler divergence of the dense
/// distribution p from the changed one is `log E_p exp(z) - E_p z` at each position. The expectations are taken over
/// tokens drawn from p, so that the output head is read once for a text and not once for each change.
final class AblationReading {
    /// A text read densely.
    struct Text {
        let tokenCount: Int
        /// The residual streams entering each layer and leaving the last, `[layers + 1][tokens * width]`.
        let residuals: [[Float]]
        /// The normalised input of the output head, `[tokens * width]`.
        fileprivate let final: [Float]
        /// The output head's rows of tokens drawn from the predictions, `[tokens][draws][width]`.
        fileprivate let rows: [Float]
    }

    private let model: DecoderModel
    private let session: InferenceSession
    private let draws: Int

    /// - Parameter draws: next tokens drawn from the dense distribution at each position.
    init(_ model: DecoderModel, draws: Int) throws(DecoderError) {
        self.model = model
        self.draws = draws
        session = try InferenceSession(model)
    }

    /// Reads a text densely.
    func read(_ ids: [Int], generator: inout SplitMix64) throws -> Text {
        try session.follow(nil)
        var residuals = [try session.embeddings(of: ids)]
        for layer in model.layers.indices {
            residuals.append(try session.advance(residuals[layer], through: layer..<layer + 1))
        }
        let final = try session.finalHidden(residuals[model.layers.count], from: model.layers.count)
        return Text(
            tokenCount: ids.count, residuals: residuals, final: final, rows: try drawnRows(ids, using: &generator))
    }

    /// The mean over positions of the divergence that an ablation causes, in nats.
    ///
    /// - Parameters:
    ///   - pathway: differs from the dense model in `layer` alone.
    func divergence(of text: Text, along pathway: Pathway, from layer: Int) throws -> Double {
        try session.follow(pathway)
        return divergence(of: text, final: try session.finalHidden(text.residuals[layer], from: layer))
    }

    private func divergence(of text: Text, final: [Float]) -> Double {
        let width = model.configuration.width
        var sum = 0.0
        text.rows.withUnsafeBufferPointer { rows in
            for token in 0..<text.tokenCount {
                let change = (token * width..<(token + 1) * width).map { final[$0] - text.final[$0] }
                sum += change.withUnsafeBufferPointer { change in
                    divergence(
                        (0..<draws).map { draw in
                            let row = rows[(token * draws + draw) * width..<(token * draws + draw + 1) * width]
                            return Double(dotProduct(UnsafeBufferPointer(rebasing: row), change))
                        })
                }
            }
        }
        return sum / Double(text.tokenCount)
    }

    /// `log E exp(z) - E z` over equally likely draws; their mean cancels, so z may be shifted.
    private func divergence(_ changes: [Double]) -> Double {
        let count = Double(changes.count)
        let peak = changes.max() ?? 0
        let mean = changes.reduce(0, +) / count
        return peak + log(changes.reduce(0) { $0 + exp($1 - peak) } / count) - mean
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
