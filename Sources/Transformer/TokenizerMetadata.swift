import Checkpoints
import Tokenizers

private let prefix = "tokenizer.ggml."

extension Tokenizer {
    /// The tokenizer that a GGUF file carries.
    public init(_ file: GGUFFile) throws {
        let kinds = try (file.integers(prefix + "token_type") ?? []).map { raw in
            guard let kind = Int(exactly: raw).flatMap(Vocabulary.Kind.init(rawValue:)) else {
                throw file.failure(.malformed, prefix + "token_type", "has the token type \(raw)")
            }
            return kind
        }
        let algorithm = try Vocabulary.Algorithm(file)
        let addsBeginningOfText =
            switch algorithm {
            case .byteLevel(_, let preTokenizer): preTokenizer == "llama-bpe"
            case .sentencePiece: true
            }
        try self.init(
            Vocabulary(
                tokens: try file.required(prefix + "tokens", try file.strings(prefix + "tokens")),
                algorithm: algorithm, kinds: kinds, beginningOfText: try file.integer(prefix + "bos_token_id"),
                endOfText: try file.integer(prefix + "eos_token_id"),
                addsBeginningOfText: try file.bool(prefix + "add_bos_token") ?? addsBeginningOfText))
    }
}

extension Tokenizer.Vocabulary.Algorithm {
    fileprivate init(_ file: GGUFFile) throws {
        let model = try file.required(prefix + "model", try file.name(prefix + "model"))
        switch model {
        case "gpt2":
            self = .byteLevel(
                merges: try file.required(prefix + "merges", try file.strings(prefix + "merges")),
                // What llama.cpp does where it is missing or "default" is none of the original tokenizers' rules.
                preTokenizer: try file.required(prefix + "pre", try file.name(prefix + "pre")))
        case "llama":
            let rewrites = try file.bool(prefix + "remove_extra_whitespaces") ?? false
            guard !rewrites, file.metadata[prefix + "precompiled_charsmap"] == nil else {
                throw file.failure(
                    .unsupported, prefix + "model",
                    "rewrites texts before it encodes them (remove_extra_whitespaces, precompiled_charsmap)")
            }
            self = .sentencePiece(
                scores: try file.required(prefix + "scores", try file.numbers(prefix + "scores")).map { Float($0) },
                addsSpacePrefix: try file.bool(prefix + "add_space_prefix") ?? true)
        default:
            throw file.failure(
                .unsupported, prefix + "model",
                "is \"\(model)\"; supported are gpt2 (byte-level byte-pair encoding) and llama (SentencePiece)")
        }
    }
}
