/// A byte-pair tokenizer, of bytes or of SentencePiece's kind: text to token ids and back.
///
/// Any text survives encoding and decoding byte for byte, with exceptions that the original tokenizers make: Qwen 2
/// first composes characters (Unicode normal form C), a byte that a byte-level vocabulary has no token for is dropped
/// (SmolLM2 lacks six control characters, U+0004 and U+0006 among them, and the bytes that begin code points of the
/// unassigned planes 4 to 11), to SentencePiece U+2581 is a space, and a character that its vocabulary has neither in a
/// token nor in tokens of bytes becomes the unknown token.
public struct Tokenizer: Sendable {
    /// What a checkpoint says of its tokenizer.
    public struct Vocabulary: Sendable {
        /// How a vocabulary entry is used; the raw values are GGUF's.
        public enum Kind: Int, Sendable {
            case normal = 1
            case unknown, control, userDefined, unused, byte
        }

        /// How text becomes tokens.
        public enum Algorithm: Sendable {
            /// Bytes merge within words. Tokens are written in the byte alphabet of GPT-2.
            ///
            /// - Parameters:
            ///   - merges: pairs that merge, most urgent first, each as `left right`.
            ///   - preTokenizer: the name of what cuts text into words, as in `tokenizer.ggml.pre`.
            case byteLevel(merges: [String], preTokenizer: String)
            /// SentencePiece's byte-pair encoding: characters merge, spaces among them, which tokens write as U+2581.
            ///
            /// - Parameters:
            ///   - scores: one for each token: the highest merges first.
            ///   - addsSpacePrefix: whether a text begins with a space that is not written.
            case sentencePiece(scores: [Float], addsSpacePrefix: Bool)
        }

        /// Token texts by id (special tokens as plain text).
        public var tokens: [String]
        public var algorithm: Algorithm
        /// One for each token, or empty where all are normal.
        public var kinds: [Kind]
        public var beginningOfText: Int?
        public var endOfText: Int?
        /// Whether the model expects the beginning-of-text token before every text.
        public var addsBeginningOfText: Bool

        public init(
            tokens: [String], algorithm: Algorithm, kinds: [Kind] = [], beginningOfText: Int? = nil,
            endOfText: Int? = nil, addsBeginningOfText: Bool = false
        ) {
            self.tokens = tokens
            self.algorithm = algorithm
            self.kinds = kinds
            self.beginningOfText = beginningOfText
            self.endOfText = endOfText
            self.addsBeginningOfText = addsBeginningOfText
        }

        func kind(of id: Int) -> Kind { kinds.isEmpty ? .normal : kinds[id] }
    }

    private enum Encoder {
        case byteLevel(ByteLevelEncoder)
        case sentencePiece(SentencePieceEncoder)
    }

    public let beginningOfText: Int?
    public let endOfText: Int?
    /// Whether the model expects the beginning-of-text token before every text.
    public let addsBeginningOfText: Bool
    /// Tokens after which an answer is complete.
    public let endTokens: Set<Int>
    private let encoder: Encoder
    private let texts: TokenTexts
    private let specialTokens: SpecialTokens

    /// - Throws: ``TokenizerError`` where the vocabulary contradicts itself or needs what this library lacks.
    public init(_ vocabulary: Vocabulary) throws(TokenizerError) {
        let count = vocabulary.tokens.count
        guard vocabulary.kinds.isEmpty || vocabulary.kinds.count == count else {
            throw .malformedVocabulary("\(count) tokens but \(vocabulary.kinds.count) token types")
        }
        for (name, id) in [
            ("beginning-of-text", vocabulary.beginningOfText), ("end-of-text", vocabulary.endOfText),
        ] {
            if let id, !(0..<count).contains(id) {
                throw .malformedVocabulary("the \(name) token is \(id), the vocabulary has \(count) tokens")
            }
        }
        encoder =
            switch vocabulary.algorithm {
            case .byteLevel(let merges, let preTokenizer):
                .byteLevel(try ByteLevelEncoder(vocabulary, merges: merges, preTokenizer: preTokenizer))
            case .sentencePiece(let scores, let addsSpacePrefix):
                .sentencePiece(
                    try SentencePieceEncoder(vocabulary, scores: scores, addsSpacePrefix: addsSpacePrefix))
            }
        var texts = try TokenTexts(roomFor: vocabulary.tokens)
        var specials: [SpecialTokens.Token] = []
        for (id, token) in vocabulary.tokens.enumerated() {
            let kind = vocabulary.kind(of: id)
            let isSpecial = kind == .control || kind == .userDefined || kind == .unknown
            let text: String
            switch encoder {
            case .byteLevel:
                text = token
                texts.append((isSpecial ? nil : ByteAlphabet.decode(token)) ?? Array(token.utf8))
            case .sentencePiece:
                text = kind == .control || kind == .unknown ? token : SentencePieceEncoder.withSpaces(token)
                let byte = kind == .byte ? SentencePieceEncoder.byte(token) : nil
                texts.append(byte.map { [$0] } ?? Array(text.utf8))
            }
            if isSpecial, !text.isEmpty {
                // Some converters call the marks of turns user-defined; a message must not be able to write them.
                let isMark = text.utf8.starts(with: "<|".utf8) && text.utf8.suffix(2).elementsEqual("|>".utf8)
                specials.append(SpecialTokens.Token(text: text, id: id, isControl: kind != .userDefined || isMark))
            }
        }
        self.texts = texts
        specialTokens = try SpecialTokens(specials)
        beginningOfText = vocabulary.beginningOfText
        endOfText = vocabulary.endOfText
        addsBeginningOfText = vocabulary.addsBeginningOfText && vocabulary.beginningOfText != nil
        let endTexts: Set<String> = ["<|im_end|>", "<|endoftext|>", "<|eot_id|>", "<|end_of_text|>", "<|eom_id|>"]
        // Comparing strings takes time in the square of a run of combining marks.
        endTokens = Set(
            specials.filter { $0.text.utf8.count < 32 && endTexts.contains($0.text) }.map(\.id)
                + [vocabulary.endOfText].compactMap(\.self))
    }

    /// The number of tokens.
    public var vocabularySize: Int { texts.count }

    /// Token ids of `text`.
    ///
    /// User-defined tokens are taken as a whole wherever they stand.
    ///
    /// - Parameter recognizingSpecialTokens: whether text such as `<|im_start|>` becomes the control token of
    ///   that name; otherwise it is text like any other.
    public func encode(_ text: String, recognizingSpecialTokens: Bool = false) -> [Int] {
        switch encoder {
        case .byteLevel(let encoder):
            let composed = encoder.preTokenizer == .qwen2 ? text.canonicallyComposed : text
            return ids(of: specialTokens.split(composed, at: recognizingSpecialTokens ? .all : .text), encoder.encode)
        case .sentencePiece(let encoder):
            guard recognizingSpecialTokens else { return encode(text, encoder) }
            return ids(of: specialTokens.split(text, at: .control)) { encode(String($0), encoder) }
        }
    }

    /// Token ids of text that goes on with another: SentencePiece begins no text with it.
    public func encode(continuing text: String) -> [Int] {
        guard case .sentencePiece(let encoder) = encoder else { return encode(text) }
        return encode(text, encoder, begins: false)
    }

    private func ids(of pieces: [SpecialTokens.Piece], _ encode: (Substring) -> [Int]) -> [Int] {
        pieces.flatMap { piece in
            switch piece {
            case .special(let id): [id]
            case .text(let text): encode(text)
            }
        }
    }

    /// What stands between control tokens is a text of its own, as in the families' own code.
    private func encode(_ text: String, _ encoder: SentencePieceEncoder, begins: Bool = true) -> [Int] {
        guard !text.isEmpty else { return [] }
        let spaced = (begins && encoder.addsSpacePrefix ? " " : "") + SentencePieceEncoder.withSpaces(text)
        return ids(of: specialTokens.split(spaced, at: .text), encoder.encode)
    }

    /// Token ids of a whole text, as the model expects one: after the beginning-of-text token where it wants that,
    /// which is not written twice.
    ///
    /// - Parameter recognizingSpecialTokens: as in ``encode(_:recognizingSpecialTokens:)``.
    public func encodeText(_ text: String, recognizingSpecialTokens: Bool = false) -> [Int] {
        withBeginningOfText(encode(text, recognizingSpecialTokens: recognizingSpecialTokens))
    }

    /// `ids` after the beginning-of-text token where the model wants that and it is not there.
    func withBeginningOfText(_ ids: [Int]) -> [Int] {
        guard addsBeginningOfText, let first = beginningOfText, ids.first != first else { return ids }
        return [first] + ids
    }

    /// The id of the special token written as `text`, or nil.
    public func specialToken(_ text: String) -> Int? { specialTokens.id(of: text) }

    /// Whether the token is a control one rather than text.
    public func isSpecial(_ id: Int) -> Bool { specialTokens.isControl(id) }

    /// The bytes that a token stands for; none for an id outside the vocabulary.
    public func bytes(of id: Int) -> [UInt8] { (0..<texts.count).contains(id) ? Array(texts[id]) : [] }

    /// The text of `ids`, without the space that encoding begins it with. Bytes that are not valid UTF-8 become U+FFFD.
    public func decode(_ ids: some Sequence<Int>, skippingSpecialTokens: Bool = false) -> String {
        var bytes = ids.filter { !skippingSpecialTokens || !isSpecial($0) }.flatMap(bytes(of:))
        if case .sentencePiece(let encoder) = encoder, encoder.addsSpacePrefix, bytes.first == UInt8(ascii: " ") {
            bytes.removeFirst()
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}
