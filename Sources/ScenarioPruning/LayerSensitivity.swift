import Transformer

/// How much a model's predictions mind a change of what each layer writes: the KL divergence, in nats, for each squared
/// length of a small random change of the residual stream after the layer.
///
/// A change d of the residual stream moves the next-token distribution by about `d^T F d / 2`, with F the Fisher
/// information of the predictions in the residual stream. Changes of random signs are alike in all directions, so the
/// mean over them gives the trace of F without a gradient (Hutchinson, 1990).
struct LayerSensitivity {
    /// The divergence that changes are sized for: well above the rounding of 8-bit activations, well below where
    /// predictions have nothing left to lose.
    private static let wantedDivergence = 0.05
    /// The length of the first change, relative to the residual stream.
    private static let firstLength = 0.05
    /// How often the first layer is measured until the size of its change is right; another layer starts from the size
    /// of the one below it.
    private static let firstAttempts = 3

    private let model: DecoderModel

    init(_ model: DecoderModel) { self.model = model }

    /// The sensitivity after each layer, `[layers]`, over the positions of a text.
    func measure(
        _ text: AblationReading.Text, _ reading: AblationReading, using generator: inout SplitMix64, onLayer: () -> Void
    ) throws -> [Double] {
        var sensitivity: Double?
        return try model.layers.indices.map { layer in
            for _ in 0..<(layer == 0 ? Self.firstAttempts : 1) {
                let squaredLength = sensitivity.map { Self.wantedDivergence / $0 } ?? firstSquaredLength(of: text)
                let change = randomSigns(text, squaredLength: squaredLength, using: &generator)
                let divergence = try reading.divergence(of: text, adding: change, before: layer + 1)
                sensitivity = max(divergence, Self.wantedDivergence / 1000) / squaredLength
            }
            onLayer()
            return sensitivity ?? 0
        }
    }

    private func firstSquaredLength(of text: AblationReading.Text) -> Double {
        let squares = text.residuals[1].reduce(0.0) { $0 + Double($1) * Double($1) }
        return Self.firstLength * Self.firstLength * max(squares / Double(text.tokenCount), .leastNormalMagnitude)
    }

    /// A change of the same squared length at every position, `[tokens * width]`.
    private func randomSigns(
        _ text: AblationReading.Text, squaredLength: Double, using generator: inout SplitMix64
    ) -> [Float] {
        let size = Float((squaredLength / Double(model.configuration.width)).squareRoot())
        return (0..<text.residuals[0].count).map { _ in Bool.random(using: &generator) ? size : -size }
    }
}
