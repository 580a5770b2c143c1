import Tokenizers

/// A conversation of several turns in one session. What earlier turns left in the cache is not read again.
public final class Conversation {
    private let session: InferenceSession
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
    public init(in session: InferenceSession, system: String? = nil) {
        session.reset()
        self.session = session
        self.system = system.map { ChatMessage(.system, $0) }
    }

    /// Asks a question and writes its answer, which both join the conversation.
    ///
    /// Where the context has no room for all that was said and `options.maxNewTokens` more (or a quarter of the
    /// context, if that is less), the earliest turns are forgotten.
    ///
    /// - Parameter onText: as in ``InferenceSession/generate(after:options:onText:)``.
    /// - Throws: what that throws; the conversation is then as it was before, but for what was forgotten.
    public func answer(
        _ question: String, options: GenerationOptions = GenerationOptions(),
        onText: (String) -> Bool = { _ in true }
    ) throws -> GenerationSummary {
        let question = ChatMessage(.user, question)
        let prompt = makeRoom(for: question, and: options.maxNewTokens)
        // One token at least is read, for what follows it.
        let shared = min(zip(cached, prompt).prefix { $0 == $1 }.count, prompt.count - 1)
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
        messages += [question, ChatMessage(.assistant, summary.text)]
        return summary
    }

    /// The tokens of the conversation with a question at its end, without the turns that there is no room for.
    private func makeRoom(for question: ChatMessage, and newTokens: Int) -> [Int] {
        let most = session.contextLimit - min(newTokens, session.contextLimit / 4)
        while true {
            let shown = (system.map { [$0] } ?? []) + messages + [question]
            let prompt = session.model.chatTemplate.encode(shown, with: session.model.tokenizer)
            if messages.isEmpty || prompt.count <= most { return prompt }
            messages.removeFirst(2)
            forgottenTurns += 1
        }
    }
}
