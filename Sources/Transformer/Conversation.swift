import Tokenizers

/// A conversation of several turns in one session. What earlier turns left in the cache is not read again while all of
/// the conversation has room. Where a template writes earlier turns otherwise than it asked them, what follows is read
/// again: Qwen 3 leaves out the thought of all answers but the last, and later versions of Mistral 7B put the system
/// message into the last question.
public final class Conversation {
    private let session: InferenceSession
    private let template: ChatTemplate
    private let system: ChatMessage?
    /// What was said so far and is still shown to the model, question and answer in turn.
    public private(set) var messages: [ChatMessage] = []
    /// Earlier questions, with their answers, that the context has no more room for.
    public private(set) var forgottenTurns = 0
    /// The tokens of which the cache holds keys and values.
    private var cached: [Int] = []

    /// - Parameters:
    ///   - session: whose text this is from now on.
    ///   - system: what the model is to know or to be; nil for what its template says then.
    ///   - template: how the conversation is written; nil for the model's own.
    public init(in session: InferenceSession, system: String? = nil, template: ChatTemplate? = nil) {
        session.reset()
        self.session = session
        self.template = template ?? session.model.chatTemplate
        self.system = system.map { ChatMessage(.system, $0) }
    }

    /// Asks a question and writes its answer, which both join the conversation.
    ///
    /// Where the context has no room for all that was said and `options.maxNewTokens` more (or a quarter of the
    /// context, if that is less), the earliest turns are forgotten until half of it is free, and what stays is read
    /// once more.
    ///
    /// - Parameter onText: as in ``InferenceSession/generate(after:options:onText:)``.
    /// - Throws: what that throws; ``messages`` are then as they were before. A question that does not fit even alone
    ///   is ``DecoderError/contextExceeded(needed:limit:)``, and nothing is forgotten for it.
    public func answer(
        _ question: String, options: GenerationOptions = GenerationOptions(),
        onText: (String) -> Bool = { _ in true }
    ) throws -> GenerationSummary {
        let question = ChatMessage(.user, question)
        let (forgotten, prompt) = try prompt(for: question, leavingRoomFor: options.maxNewTokens)
        // One token at least is read, for what follows it.
        let shared = max(0, min(zip(cached, prompt).prefix { $0 == $1 }.count, prompt.count - 1))
        session.rewind(to: shared)
        cached.removeLast(cached.count - shared)
        let summary: GenerationSummary
        do {
            summary = try session.generate(after: Array(prompt[shared...]), options: options, onText: onText)
        } catch {
            session.rewind(to: shared)
            throw error
        }
        cached = Array((prompt + summary.tokens).prefix(session.position))
        messages = messages[(2 * forgotten)...] + [question, ChatMessage(.assistant, summary.text)]
        forgottenTurns += forgotten
        return summary
    }

    /// How many of the earliest turns to leave out so that a question and its answer have room, and the tokens of the
    /// others with the question.
    private func prompt(
        for question: ChatMessage, leavingRoomFor newTokens: Int
    ) throws(DecoderError) -> (forgottenTurns: Int, tokens: [Int]) {
        let (limit, turns) = (session.contextLimit, messages.count / 2)
        func tokens(without forgotten: Int) -> [Int] {
            let shown = (system.map { [$0] } ?? []) + messages[(2 * forgotten)...] + [question]
            return template.encode(shown, with: session.model.tokenizer)
        }
        let whole = tokens(without: 0)
        if whole.count <= limit - min(newTokens, limit / 4) { return (0, whole) }
        let alone = tokens(without: turns)
        guard alone.count + 1 <= limit else { throw .contextExceeded(needed: alone.count + 1, limit: limit) }
        for forgotten in 0..<turns {
            let rest = tokens(without: forgotten)
            if rest.count <= limit / 2 { return (forgotten, rest) }
        }
        return (turns, alone)
    }
}
