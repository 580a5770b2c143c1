import Checkpoints

/// Passes that start or stop between layers: what a change in one layer does is known without the layers below it.
extension InferenceSession {
    /// The residual stream that enters layer 0, `[tokens][width]`.
    public func embeddings(of tokens: [Int]) throws -> [Float] {
        try checkVocabulary(tokens)
        return tokens.flatMap { model.embedding.row($0) }
    }

    /// Brings a whole text through some of the layers, from its first position on, and forgets what the session
    /// held before.
    ///
    /// - Parameter residual: what enters the first of `layers`, `[tokens][width]`.
    /// - Returns: what leaves the last of them, same shape.
    public func advance(_ residual: [Float], through layers: Range<Int>) throws -> [Float] {
        var result = residual
        try advance(residual, through: layers) { first, count in
            copyResidual(tokens: count, to: &result, firstToken: first)
        }
        return result
    }

    /// Brings a whole text through the layers from `layer` on.
    ///
    /// - Returns: the normalised input of the output head, `[tokens][width]`.
    public func finalHidden(_ residual: [Float], from layer: Int) throws -> [Float] {
        let width = model.configuration.width
        var result = residual
        try advance(residual, through: layer..<model.configuration.layers) { first, count in
            for start in stride(from: 0, to: count, by: workspace.logitsBatch) {
                let tokens = min(workspace.logitsBatch, count - start)
                normalizeFinal(tokens: tokens, fromToken: start)
                for token in 0..<tokens {
                    let source = workspace.finalInput.row(token)
                    let target = (first + start + token) * width
                    for i in 0..<width { result[target + i] = source[i] }
                }
            }
        }
        return result
    }

    /// Hands `body` the first token and the number of tokens of each batch that left the last of `layers`.
    private func advance(_ residual: [Float], through layers: Range<Int>, _ body: (Int, Int) -> Void) throws {
        let width = model.configuration.width
        let tokens = residual.count / width
        precondition(tokens * width == residual.count, "a residual stream is [tokens][width]")
        guard tokens <= contextLimit else {
            throw DecoderError.contextExceeded(needed: tokens, limit: contextLimit)
        }
        reset()
        try cache.reserve(tokens)
        try workspace.reserve(positions: tokens)
        for first in stride(from: 0, to: tokens, by: workspace.batch) {
            try Task.checkCancellation()
            let count = min(workspace.batch, tokens - first)
            for token in 0..<count {
                let target = workspace.residual(ofToken: token)
                for i in 0..<width { target[i] = residual[(first + token) * width + i] }
            }
            var untapped: MeanTaps?
            runLayers(layers, tokens: count, tapping: &untapped)
            body(first, count)
            position += count
        }
    }

    private func copyResidual(tokens: Int, to result: inout [Float], firstToken: Int) {
        let width = model.configuration.width
        for token in 0..<tokens {
            let source = workspace.residual(ofToken: token)
            for i in 0..<width { result[(firstToken + token) * width + i] = source[i] }
        }
    }
}
