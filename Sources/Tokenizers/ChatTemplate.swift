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
    /// `<|im_start|>role\ncontent<|im_end|>\n`, with the system message that is used where there is none.
    case chatML(defaultSystemMessage: String?)
    /// `<|start_header_id|>role<|end_header_id|>\n\ncontent<|eot_id|>`.
    case llama3
    /// For models that were not trained on conversations: the contents, a line each.
    case plain

    public static let smolLM2 = ChatTemplate.chatML(
        defaultSystemMessage: "You are a helpful AI assistant named SmolLM, trained by Hugging Face")
    public static let qwen2 = ChatTemplate.chatML(defaultSystemMessage: "You are a helpful assistant.")
    /// Qwen 1.5, whose message has no full stop.
    public static let qwen15 = ChatTemplate.chatML(defaultSystemMessage: "You are a helpful assistant")
    public static let qwen25 = ChatTemplate.chatML(
        defaultSystemMessage: "You are Qwen, created by Alibaba Cloud. You are a helpful assistant.")

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
                guard case .chatML(let message?) = template else { return false }
                // As a template writes it out, with its newline as an escape or as it is.
                return ["\\n", "\n"].contains { source.contains("system\($0)\(message)<|im_end|>") }
            }
            self = known ?? .chatML(defaultSystemMessage: nil)
        } else {
            self = .plain
        }
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
        var pieces: [Piece] = []
        switch self {
        case .chatML(let defaultSystemMessage):
            var messages = messages
            if let defaultSystemMessage, messages.first?.role != .system {
                messages.insert(ChatMessage(.system, defaultSystemMessage), at: 0)
            }
            for message in messages {
                pieces += [
                    .special("<|im_start|>"), .text("\(message.role.rawValue)\n\(message.content)"),
                    .special("<|im_end|>"), .text("\n"),
                ]
            }
            if addingGenerationPrompt { pieces += [.special("<|im_start|>"), .text("assistant\n")] }
        case .llama3:
            func header(_ role: String) -> [Piece] {
                [.special("<|start_header_id|>"), .text(role), .special("<|end_header_id|>"), .text("\n\n")]
            }
            pieces.append(.special("<|begin_of_text|>"))
            for message in messages {
                let content = message.content.trimmed
                pieces += header(message.role.rawValue) + [.text(content), .special("<|eot_id|>")]
            }
            if addingGenerationPrompt { pieces += header("assistant") }
        case .plain:
            pieces = messages.map { .text($0.content + "\n") }
        }
        return pieces
    }

    /// The conversation as text.
    public func render(_ messages: [ChatMessage], addingGenerationPrompt: Bool = true) -> String {
        pieces(messages, addingGenerationPrompt: addingGenerationPrompt).map(\.string).joined()
    }

    /// The conversation as token ids. Special tokens come from the template alone: a message that spells one
    /// out cannot end its turn or start another.
    public func encode(
        _ messages: [ChatMessage], with tokenizer: Tokenizer, addingGenerationPrompt: Bool = true
    ) -> [Int] {
        var ids: [Int] = []
        var run = ""
        for piece in pieces(messages, addingGenerationPrompt: addingGenerationPrompt) {
            if case .special(let name) = piece, let id = tokenizer.specialToken(name) {
                ids += tokenizer.encode(run) + [id]
                run = ""
            } else {
                run += piece.string
            }
        }
        ids += tokenizer.encode(run)
        if tokenizer.addsBeginningOfText, let first = tokenizer.beginningOfText, ids.first != first {
            ids.insert(first, at: 0)
        }
        return ids
    }
}
