import Transformer

/// A prompt that was read once, from which any number of continuations are scored.
///
/// The session belongs to this reading for as long as it is used.
public struct PromptReading {
    private let session: InferenceSession
    private let length: Int
    /// After the prompt's last token, `[vocabulary]`.
    private let nextLogits: [Float]

    /// - Throws: ``DecoderError`` where the prompt is empty or longer than the context.
    public init(_ prompt: [Int], in session: InferenceSession) throws {
        session.reset()
        nextLogits = try session.logits(after: prompt)
        length = session.position
        self.session = session
    }

    /// Hands `body` the logits, `[vocabulary]`, that predict each token of a continuation, with the token's index.
    ///
    /// - Throws: ``DecoderError`` where the continuation does not fit into the context; what `body` throws.
    public func forEachPrediction(
        of continuation: [Int], _ body: (Int, UnsafeBufferPointer<Float>) throws -> Void
    ) throws {
        guard !continuation.isEmpty else { return }
        session.rewind(to: length)
        try nextLogits.withUnsafeBufferPointer { try body(0, $0) }
        guard continuation.count > 1 else { return }
        try session.forEachLogits(after: Array(continuation.dropLast())) { try body($0 + 1, $1) }
    }

    /// The log-likelihood of a continuation's tokens given the prompt, in nats; 0 for no tokens.
    public func logLikelihood(of continuation: [Int]) throws -> Double {
        var sum = 0.0
        try forEachPrediction(of: continuation) { index, logits in
            sum += Double(logits[continuation[index]]) - (try Likelihood.logSumExp(logits))
        }
        return sum
    }
}
