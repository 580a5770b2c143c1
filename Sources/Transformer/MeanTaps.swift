import Checkpoints

/// Means over the tokens of one input of what flows through each layer.
public struct MeanTaps: Sendable {
    var residualSums: [[Double]]
    var headSums: [[Double]]
    public internal(set) var tokenCount = 0

    init(_ configuration: ModelConfiguration) {
        let heads = configuration.heads * configuration.headSize
        residualSums = Array(repeating: Array(repeating: 0, count: configuration.width), count: configuration.layers)
        headSums = Array(repeating: Array(repeating: 0, count: heads), count: configuration.layers)
    }

    /// The mean post-attention residual of `layer`, `[width]`.
    public func residual(layer: Int) -> [Float] { residualSums[layer].map { Float($0 / Double(max(tokenCount, 1))) } }

    /// The mean attention output of every head of `layer` before the output projection, `[heads * headSize]`.
    public func heads(layer: Int) -> [Float] { headSums[layer].map { Float($0 / Double(max(tokenCount, 1))) } }
}
