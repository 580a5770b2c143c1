import CKernels
import Checkpoints

/// Means over the tokens of one input of what flows through each layer.
public struct MeanTaps: Sendable {
    /// What is summed: the more, the longer a pass takes.
    public struct Kinds: OptionSet, Sendable {
        public let rawValue: Int

        public init(rawValue: Int) { self.rawValue = rawValue }

        /// The post-attention residual.
        public static let residuals = Kinds(rawValue: 1)
        /// Head outputs before the output projection, and their squares.
        public static let heads = Kinds(rawValue: 2)
        /// Feed-forward channels before the down projection, and their squares.
        public static let channels = Kinds(rawValue: 4)

        public static let all: Kinds = [.residuals, .heads, .channels]
    }

    /// Sums over tokens of each layer's values and of their squares, `[layers][count]`.
    public struct Moments: Sendable {
        public internal(set) var sums: [[Double]]
        /// Empty where squares are not summed.
        public internal(set) var squares: [[Double]]

        init(layers: Int, count: Int, squares: Bool) {
            sums = Array(repeating: Array(repeating: 0, count: count), count: layers)
            self.squares = squares ? sums : []
        }

        mutating func add(_ layer: Int, _ x: UnsafePointer<Float>, stride: Int, tokens: Int) {
            let count = sums[layer].count
            sums[layer].withUnsafeMutableBufferPointer { sums in
                if squares.isEmpty {
                    sp_sum_tokens(x, stride, Int32(tokens), Int32(count), sums.baseAddress, nil)
                } else {
                    squares[layer].withUnsafeMutableBufferPointer { squares in
                        sp_sum_tokens(x, stride, Int32(tokens), Int32(count), sums.baseAddress, squares.baseAddress)
                    }
                }
            }
        }
    }

    /// The post-attention residual, `[layers][width]`; nil where it was not asked for, as the others.
    public private(set) var residuals: Moments?
    /// `[layers][heads * headSize]`
    public private(set) var heads: Moments?
    /// `[layers][feedForwardWidth]`
    public private(set) var channels: Moments?
    public internal(set) var tokenCount = 0

    init(_ kinds: Kinds, _ configuration: ModelConfiguration) {
        let layers = configuration.layers
        if kinds.contains(.residuals) {
            residuals = Moments(layers: layers, count: configuration.width, squares: false)
        }
        if kinds.contains(.heads) {
            heads = Moments(layers: layers, count: configuration.heads * configuration.headSize, squares: true)
        }
        if kinds.contains(.channels) {
            channels = Moments(layers: layers, count: configuration.feedForwardWidth, squares: true)
        }
    }

    mutating func addAttention(
        _ layer: Int, heads outputs: ActivationBuffer, residual: AlignedBuffer<Float>, stride: Int, tokens: Int
    ) {
        heads?.add(layer, outputs.pointer, stride: outputs.stride, tokens: tokens)
        residuals?.add(layer, residual.pointer, stride: stride, tokens: tokens)
    }

    mutating func addFeedForward(_ layer: Int, channels values: ActivationBuffer, tokens: Int) {
        channels?.add(layer, values.pointer, stride: values.stride, tokens: tokens)
    }

    /// Whether all sums of a layer are numbers. What is none in one layer makes none of all that follows.
    func isFinite(layer: Int) -> Bool {
        [residuals, heads, channels].allSatisfy { $0?.sums[layer].allSatisfy(\.isFinite) ?? true }
    }

    private func mean(_ sums: [Double]?) -> [Float] { (sums ?? []).map { Float($0 / Double(max(tokenCount, 1))) } }

    /// The mean post-attention residual of `layer`, `[width]`; empty where it was not asked for, as the others.
    public func residual(layer: Int) -> [Float] { mean(residuals?.sums[layer]) }

    /// The mean attention output of every head of `layer` before the output projection, `[heads * headSize]`.
    public func heads(layer: Int) -> [Float] { mean(heads?.sums[layer]) }

    /// The mean of every feed-forward channel of `layer` before the down projection, `[feedForwardWidth]`.
    public func channels(layer: Int) -> [Float] { mean(channels?.sums[layer]) }
}
