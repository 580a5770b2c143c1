import Basics

/// One message of a conversation.
public struct ChatMessage: Sendable, Equatable, Codable {
    public enum Role: String, Sendable, Codable {
        case system, user, assistant
    }

    public var role: Role
    public var content: String

    public init(_ role: Role, _ content: String) {
        self.role = role
        self.content = content
    }
}

/// How a model family writes a conversation as text.
public enum ChatTemplate: Sendable, Equatable {
    /// Whether a model thinks before it answers.
    public enum Thinking: Sendable {
        /// It does as it likes: its family has no such choice.
        case unasked
        /// An answer begins with an empty thought, `<think>\n\n</think>`, after which the model answers at once.
        case skipped
        /// An answer begins with a thought, which later turns leave out.
        case shown
    }

    /// `<|im_start|>role\ncontent<|im_end|>\n`.
    ///
    /// - Parameters:
    ///   - defaultSystemMessage: the system message where there is none.
    ///   - thinking: a choice that Qwen 3 has.
    case chatML(defaultSystemMessage: String?, thinking: Thinking = .unasked)
    /// `<|start_header_id|>role<|end_header_id|>\n\ncontent<|eot_id|>`.
    case llama3
    /// `<s>[INST] <<SYS>>\nsystem\n<</SYS>>\n\nquestion [/INST] answer </s>`.
    case llama2
    /// `<s>[INST] system\n\nquestion [/INST] answer</s>[INST] question [/INST]`, for the first two versions of Mistral
    /// 7B, and `<s>[INST]question[/INST]answer</s>[INST]system\n\nquestion[/INST]` where `[INST]` is a token.
    case mistral(marksAreTokens: Bool)
    /// `<|role|>\ncontent</s>\n` (Zephyr, TinyLlama).
    case zephyr
    /// For models that were not trained on conversations: the contents, a line each.
    case plain

    public static let smolLM2 = ChatTemplate.chatML(
        defaultSystemMessage: "You are a helpful AI assistant named SmolLM, trained by Hugging Face")
    public static let qwen2 = ChatTemplate.chatML(defaultSystemMessage: "You are a helpful assistant.")
    /// Qwen 1.5, whose message has no full stop.
    public static let qwen15 = ChatTemplate.chatML(defaultSystemMessage: "You are a helpful assistant")
    public static let qwen25 = ChatTemplate.chatML(
        defaultSystemMessage: "You are Qwen, created by Alibaba Cloud. You are a helpful assistant.")
    /// Qwen 3 where thinking can be switched off.
    public static let qwen3 = ChatTemplate.chatML(defaultSystemMessage: nil, thinking: .skipped)

    /// The same where the model thinks before it answers; nil where its family has no such choice.
    public var withThinking: ChatTemplate? {
        switch self {
        case .chatML(_, thinking: .unasked): nil
        case .chatML(let message, _): .chatML(defaultSystemMessage: message, thinking: .shown)
        case .llama3, .llama2, .mistral, .zephyr, .plain: nil
        }
    }

    /// Recognises the template that a checkpoint carries (Jinja source in `tokenizer.chat_template`).
    public init(recognizing source: String?) {
        guard let source else {
            self = .plain
            return
        }
        if source.contains("<|start_header_id|>") {
            self = .llama3
        } else if source.contains("<|im_start|>") {
            let known = [ChatTemplate.smolLM2, .qwen25, .qwen2, .qwen15].first { template in
                guard case .chatML(let message?, _) = template else { return false }
                // As a template writes it out, with its newline as an escape or as it is.
                return ["\\n", "\n"].contains { source.contains("system\($0)\(message)<|im_end|>") }
            }
            self = known ?? (source.contains("enable_thinking") ? .qwen3 : .chatML(defaultSystemMessage: nil))
        } else if source.contains("<<SYS>>") {
            self = .llama2
        } else if source.contains("[INST]") {
            self = .mistral(marksAreTokens: !source.contains(" [/INST]"))
        } else if source.contains("<|assistant|>"), Self.endsQuestions(source, after: "<|user|>") {
            self = .zephyr
        } else {
            self = .plain
        }
    }

    /// Whether a template that writes `mark` before questions writes the end of a text behind them: others have the
    /// same marks.
    private static func endsQuestions(_ source: String, after mark: String) -> Bool {
        guard let start = source.firstRange(of: mark)?.upperBound else { return false }
        let question = source[start...]
        return question[..<(question.firstRange(of: "}}")?.lowerBound ?? question.endIndex)].contains("eos_token")
    }

    private enum Piece {
        /// A special token's text.
        case special(String)
        case text(String)

        var string: String {
            switch self {
            case .special(let text), .text(let text): text
            }
        }
    }

    private func pieces(_ messages: [ChatMessage], addingGenerationPrompt: Bool) -> [Piece] {
        switch self {
        case .chatML(let defaultSystemMessage, let thinking):
            var messages = messages
            if let defaultSystemMessage, messages.first?.role != .system {
                messages.insert(ChatMessage(.system, defaultSystemMessage), at: 0)
            }
            var pieces = messages.flatMap { message -> [Piece] in
                let mayThink = message.role == .assistant && thinking != .unasked
                let content = mayThink ? Self.withoutThought(message.content) : message.content
                return [
                    .special("<|im_start|>"), .text("\(message.role.rawValue)\n\(content)"),
                    .special("<|im_end|>"), .text("\n"),
                ]
            }
            if addingGenerationPrompt {
                let thought = thinking == .skipped ? "<think>\n\n</think>\n\n" : ""
                pieces += [.special("<|im_start|>"), .text("assistant\n" + thought)]
            }
            return pieces
        case .llama3:
            func header(_ role: String) -> [Piece] {
                [.special("<|start_header_id|>"), .text(role), .special("<|end_header_id|>"), .text("\n\n")]
            }
            return [.special("<|begin_of_text|>")]
                + messages.flatMap { header($0.role.rawValue) + [.text($0.content.trimmed), .special("<|eot_id|>")] }
                + (addingGenerationPrompt ? header("assistant") : [])
        case .llama2:
            return Self.withSystemInQuestion(messages, inFirstQuestion: true) { system, question in
                "<<SYS>>\n\(system.trimmed)\n<</SYS>>\n\n\(question)"
            }.flatMap { message -> [Piece] in
                message.role == .assistant
                    ? [.text(" \(message.content.trimmed) "), .special("</s>")]
                    : [.special("<s>"), .text("[INST] \(message.content.trimmed) [/INST]")]
            }
        case .mistral(let marksAreTokens):
            return [.special("<s>")]
                + Self.withSystemInQuestion(messages, inFirstQuestion: !marksAreTokens) { "\($0)\n\n\($1)" }
                .flatMap { message -> [Piece] in
                    switch (message.role, marksAreTokens) {
                    case (.assistant, true): [.text(message.content.trimmed), .special("</s>")]
                    case (.assistant, false): [.text(" \(message.content.trimmed)"), .special("</s>")]
                    case (_, true): [.special("[INST]"), .text(message.content), .special("[/INST]")]
                    case (_, false): [.text("[INST] \(message.content) [/INST]")]
                    }
                }
        case .zephyr:
            return messages.flatMap { message -> [Piece] in
                [.text("<|\(message.role.rawValue)|>\n\(message.content)"), .special("</s>"), .text("\n")]
            } + (addingGenerationPrompt ? [.text("<|assistant|>\n")] : [])
        case .plain:
            return messages.map { .text($0.content + "\n") }
        }
    }

    /// What follows an answer's thought.
    private static func withoutThought(_ answer: String) -> String {
        guard let end = answer.ranges(of: "</think>").last?.upperBound else { return answer }
        return String(answer[end...].drop { $0 == "\n" })
    }

    /// The messages without a leading system message, which joins the first question or the last one.
    private static func withSystemInQuestion(
        _ messages: [ChatMessage], inFirstQuestion: Bool, _ join: (_ system: String, _ question: String) -> String
    ) -> [ChatMessage] {
        guard let system = messages.first, system.role == .system else { return messages }
        var rest = Array(messages.dropFirst())
        let isQuestion = { (message: ChatMessage) in message.role == .user }
        if let index = inFirstQuestion ? rest.firstIndex(where: isQuestion) : rest.lastIndex(where: isQuestion) {
            rest[index].content = join(system.content, rest[index].content)
        } else {
            rest.append(ChatMessage(.user, join(system.content, "")))
        }
        return rest
    }

    /// The conversation as text.
    public func render(_ messages: [ChatMessage], addingGenerationPrompt: Bool = true) -> String {
        pieces(messages, addingGenerationPrompt: addingGenerationPrompt).map(\.string).joined()
    }

    /// The conversation as token ids. Special tokens come from the template alone: a message that spells one
    /// out cannot end its turn or start another. What a family marks turns with beside tokens (`[INST]` in Llama 2,
    /// `<|user|>`) is text to its models, and a message may write it.
    public func encode(
        _ messages: [ChatMessage], with tokenizer: Tokenizer, addingGenerationPrompt: Bool = true
    ) -> [Int] {
        var ids: [Int] = []
        var run = ""
        for piece in pieces(messages, addingGenerationPrompt: addingGenerationPrompt) {
            if case .special(let name) = piece, let id = Self.token(name, of: tokenizer) {
                ids += tokenizer.encode(run) + [id]
                run = ""
            } else {
                run += piece.string
            }
        }
        return tokenizer.withBeginningOfText(ids + tokenizer.encode(run))
    }

    /// A special token by its name; those that begin and end texts whatever the vocabulary calls them.
    private static func token(_ name: String, of tokenizer: Tokenizer) -> Int? {
        if let id = tokenizer.specialToken(name) { return id }
        return name == "<s>" ? tokenizer.beginningOfText : name == "</s>" ? tokenizer.endOfText : nil
    }

    /// The token ids of an answer that follows a conversation with its generation prompt.
    public func encodeAnswer(_ answer: String, with tokenizer: Tokenizer) -> [Int] {
        switch self {
        case .llama2, .mistral(marksAreTokens: false): tokenizer.encode(continuing: " " + answer)
        // A text of its own, as what follows any token.
        case .mistral(marksAreTokens: true): tokenizer.encode(answer)
        case .chatML, .llama3, .zephyr, .plain: tokenizer.encode(continuing: answer)
        }
    }
}
