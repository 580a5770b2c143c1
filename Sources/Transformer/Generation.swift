import Basics
import Tokenizers

/// How much text to write and how to choose it.
public struct GenerationOptions: Sendable {
    public var maxNewTokens: Int
    public var sampling: SamplingParameters

    public init(maxNewTokens: Int = 256, sampling: SamplingParameters = .greedy) {
        self.maxNewTokens = maxNewTokens
        self.sampling = sampling
    }
}

/// What a generation did.
public struct GenerationSummary: Sendable {
    public enum StopReason: String, Sendable {
        /// The model ended its answer.
        case endOfText
        case maxNewTokens
        /// The context has no room for more.
        case contextFull
        /// The caller wanted no more.
        case stopped
    }

    public var tokens: [Int] = []
    public var text = ""
    public var promptTokens = 0
    public var promptSeconds = 0.0
    /// After the prompt was read.
    public var generationSeconds = 0.0
    /// Tokens that were read in that time: all that were written, but the last where nothing followed it.
    public var generationPasses = 0
    public var stopReason = StopReason.maxNewTokens

    /// New tokens per second, without the prompt's time and the token that came of it; 0 where there is no other.
    public var tokensPerSecond: Double { generationPasses > 0 ? Double(generationPasses) / generationSeconds : 0 }
}

extension InferenceSession {
    /// Reads `prompt` and writes its continuation.
    /// Where the context has room for fewer new tokens than asked for, it writes those.
    ///
    /// - Parameter onText: called with each new piece of text, always whole characters; returns whether to go on.
    /// - Throws: ``DecoderError/contextExceeded(needed:limit:)`` before any work where the prompt and one token do not
    ///   fit, ``DecoderError/notANumber``; `CancellationError` where the surrounding task is cancelled.
    public func generate(
        after prompt: [Int], options: GenerationOptions, onText: (String) -> Bool = { _ in true }
    ) throws -> GenerationSummary {
        guard prompt.count + 1 <= contextLimit - position else {
            throw DecoderError.contextExceeded(needed: position + prompt.count + 1, limit: contextLimit)
        }
        let most = min(options.maxNewTokens, contextLimit - position - prompt.count)
        var summary = GenerationSummary()
        summary.stopReason = most < options.maxNewTokens ? .contextFull : .maxNewTokens
        summary.promptTokens = prompt.count
        var sampler = LogitSampler(options.sampling)
        var decoder = StreamingDecoder(model.tokenizer)
        let clock = ContinuousClock()
        let start = clock.now
        func nextToken(after tokens: [Int]) throws -> Int {
            if options.sampling.isGreedy {
                let next = try likeliestToken(after: tokens)
                guard next.logit.isFinite else { throw DecoderError.notANumber }
                return next.token
            }
            return try withLogits(after: tokens) { logits in
                let token = sampler.sample(logits)
                guard logits[token].isFinite else { throw DecoderError.notANumber }
                return token
            }
        }
        var token = try nextToken(after: prompt)
        let read = clock.now
        while summary.tokens.count < most {
            if model.tokenizer.endTokens.contains(token) {
                summary.stopReason = .endOfText
                break
            }
            summary.tokens.append(token)
            let piece = decoder.append(token)
            summary.text += piece
            if !piece.isEmpty, !onText(piece) {
                summary.stopReason = .stopped
                break
            }
            if summary.tokens.count < most {
                token = try nextToken(after: [token])
                summary.generationPasses += 1
            }
        }
        let rest = decoder.finish()
        summary.text += rest
        if !rest.isEmpty, summary.stopReason != .stopped { _ = onText(rest) }
        summary.promptSeconds = (read - start).inSeconds
        summary.generationSeconds = (clock.now - read).inSeconds
        return summary
    }
}

extension DecoderModel {
    /// Streams the answer to a conversation. Ending the iteration early, or cancelling its task, stops the work.
    ///
    /// - Parameter template: how the conversation is written; nil for the model's own.
    public func generate(
        _ messages: [ChatMessage], along pathway: Pathway? = nil, options: GenerationOptions = GenerationOptions(),
        template: ChatTemplate? = nil
    ) -> AsyncThrowingStream<String, any Error> {
        AsyncThrowingStream { continuation in
            let task = Task.detached {
                do {
                    let session = try InferenceSession(self, along: pathway)
                    let prompt = (template ?? self.chatTemplate).encode(messages, with: self.tokenizer)
                    _ = try session.generate(after: prompt, options: options) { piece in
                        if case .terminated = continuation.yield(piece) { return false }
                        return !Task.isCancelled
                    }
                    continuation.finish()
                } catch {
                    continuation.finish(throwing: error)
                }
            }
            continuation.onTermination = { _ in task.cancel() }
        }
    }
}
