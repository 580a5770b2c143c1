import Checkpoints
import Tokenizers

extension Tokenizer {
    /// The tokenizer that a GGUF file carries.
    public init(_ file: GGUFFile) throws {
        let key = "tokenizer.ggml."
        let model = try file.required(key + "model", try file.name(key + "model"))
        guard model == "gpt2" else {
            throw file.failure(
                .unsupported, key + "model", "is \"\(model)\"; supported is gpt2 (byte-level byte-pair encoding)")
        }
        let kinds = try (file.integers(key + "token_type") ?? []).map { raw in
            guard let kind = Int(exactly: raw).flatMap(Vocabulary.Kind.init(rawValue:)) else {
                throw file.failure(.malformed, key + "token_type", "has the token type \(raw)")
            }
            return kind
        }
        // What llama.cpp does where it is missing or "default" is none of the original tokenizers' rules.
        let preTokenizer = try file.required(key + "pre", try file.name(key + "pre"))
        try self.init(
            Vocabulary(
                tokens: try file.required(key + "tokens", try file.strings(key + "tokens")),
                merges: try file.required(key + "merges", try file.strings(key + "merges")),
                kinds: kinds,
                preTokenizer: preTokenizer,
                beginningOfText: try file.integer(key + "bos_token_id"),
                endOfText: try file.integer(key + "eos_token_id"),
                addsBeginningOfText: try file.bool(key + "add_bos_token") ?? (preTokenizer == "llama-bpe")))
    }
}
