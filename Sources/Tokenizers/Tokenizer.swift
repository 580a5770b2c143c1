/// A byte-level byte-pair tokenizer: text to token ids and back.
///
/// Any text survives encoding and decoding byte for byte, with two exceptions that the original tokenizers make:
/// Qwen 2 first composes characters (Unicode normal form C), and a byte that the vocabulary has no token for is
/// dropped (SmolLM2 lacks six control characters, U+0004 and U+0006 among them, and the bytes that begin code
/// points of the unassigned planes 4 to 11).
public struct Tokenizer: Sendable {
    /// What a checkpoint says of its tokenizer.
    public struct Vocabulary: Sendable {
        /// How a vocabulary entry is used; the raw values are GGUF's.
        public enum Kind: Int, Sendable {
            case normal = 1
            case unknown, control, userDefined, unused, byte
        }

        /// Token texts by id, in the byte alphabet of GPT-2 (special tokens as plain text).
        public var tokens: [String]
        /// Pairs that merge, most urgent first, each as `left right`.
        public var merges: [String]
        /// One for each token, or empty where all are normal.
        public var kinds: [Kind]
        /// The name of the pre-tokenizer, as in `tokenizer.ggml.pre`.
        public var preTokenizer: String
        public var beginningOfText: Int?
        public var endOfText: Int?
        /// Whether the model expects the beginning-of-text token before every text.
        public var addsBeginningOfText: Bool

        public init(
            tokens: [String], merges: [String], kinds: [Kind] = [], preTokenizer: String, beginningOfText: Int? = nil,
            endOfText: Int? = nil, addsBeginningOfText: Bool = false
        ) {
            self.tokens = tokens
            self.merges = merges
            self.kinds = kinds
            self.preTokenizer = preTokenizer
            self.beginningOfText = beginningOfText
            self.endOfText = endOfText
            self.addsBeginningOfText = addsBeginningOfText
        }
    }

    public let preTokenizer: PreTokenizer
    public let beginningOfText: Int?
    /// Whether the model expects the beginning-of-text token before every text.
    public let addsBeginningOfText: Bool
    /// Tokens after which an answer is complete.
    public let endTokens: Set<Int>
    let merger: BytePairMerger
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
        preTokenizer = try PreTokenizer(named: vocabulary.preTokenizer)
        var texts = try TokenTexts(roomFor: vocabulary.tokens)
        var specials: [SpecialTokens.Token] = []
        for (id, token) in vocabulary.tokens.enumerated() {
            let kind = vocabulary.kinds.isEmpty ? .normal : vocabulary.kinds[id]
            if kind == .control || kind == .userDefined || kind == .unknown {
                texts.append(Array(token.utf8))
                if !token.isEmpty {
                    // Some converters call the marks of turns user-defined; a message must not be able to write them.
                    let isMark = token.utf8.starts(with: "<|".utf8) && token.utf8.suffix(2).elementsEqual("|>".utf8)
                    specials.append(SpecialTokens.Token(text: token, id: id, isControl: kind != .userDefined || isMark))
                }
            } else {
                texts.append(ByteAlphabet.decode(token) ?? Array(token.utf8))
            }
        }
        self.texts = texts
        specialTokens = try SpecialTokens(specials)
        merger = try BytePairMerger(vocabulary, wholeWords: preTokenizer == .llamaBPE)
        beginningOfText = vocabulary.beginningOfText
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
        let composed = preTokenizer == .qwen2 ? text.canonicallyComposed : text
        return specialTokens.split(composed, recognizingControl: recognizingSpecialTokens).flatMap { piece in
            switch piece {
            case .special(let id): [id]
            case .text(let text): encodePlain(text)
            }
        }
    }

    /// Token ids of a whole text, as the model expects one: after the beginning-of-text token where it wants that,
    /// which is not written twice.
    ///
    /// - Parameter recognizingSpecialTokens: as in ``encode(_:recognizingSpecialTokens:)``.
    public func encodeText(_ text: String, recognizingSpecialTokens: Bool = false) -> [Int] {
        let ids = encode(text, recognizingSpecialTokens: recognizingSpecialTokens)
        guard addsBeginningOfText, let first = beginningOfText, ids.first != first else { return ids }
        return [first] + ids
    }

    private func encodePlain(_ text: Substring) -> [Int] {
        let scalars = ScalarText(text)
        var ids: [Int] = []
        ids.reserveCapacity(scalars.bytes.count / 3)
        var known: [ArraySlice<UInt8>: Range<Int>] = [:]
        preTokenizer.forEachWord(in: scalars) { word in
            let bytes = scalars.bytes[scalars.offsets[word.lowerBound]..<scalars.offsets[word.upperBound]]
            // Words repeat; where one was seen before, its ids stand further up in the output.
            if let seen = known[bytes] {
                // One by one: a slice of the output would make appending to it copy the whole.
                for index in seen { ids.append(ids[index]) }
            } else {
                let start = ids.count
                merger.appendTokens(of: bytes, to: &ids)
                known[bytes] = start..<ids.count
            }
        }
        return ids
    }

    /// The id of the special token written as `text`, or nil.
    public func specialToken(_ text: String) -> Int? { specialTokens.id(of: text) }

    /// Whether the token is a control one rather than text.
    public func isSpecial(_ id: Int) -> Bool { specialTokens.isControl(id) }

    /// The bytes that a token stands for; none for an id outside the vocabulary.
    public func bytes(of id: Int) -> [UInt8] { (0..<texts.count).contains(id) ? Array(texts[id]) : [] }

    /// The text of `ids`. Bytes that are not valid UTF-8 become U+FFFD.
    public func decode(_ ids: some Sequence<Int>, skippingSpecialTokens: Bool = false) -> String {
        let bytes = ids.filter { !skippingSpecialTokens || !isSpecial($0) }.flatMap(bytes(of:))
        return String(decoding: bytes, as: UTF8.self)
    }
}
