/// SentencePiece's byte-pair encoding: the characters of a whole text merge, spaces among them, the pair first whose
/// token has the highest score.
///
/// Kudo and Richardson, "SentencePiece: A simple and language independent subword tokenizer and detokenizer for Neural
/// Text Processing" (2018). Tokens write a space as U+2581. A character that no token holds becomes the tokens of its
/// bytes, or where the vocabulary has none for them, one unknown token for a run of such characters. Unused tokens are
/// never formed; SentencePiece forms them, and takes them apart where nothing larger came of them.
struct SentencePieceEncoder: Sendable {
    /// What a space is in tokens.
    static let space: Unicode.Scalar = "\u{2581}"
    /// Bytes of the longest token that may merge: SentencePiece makes tokens of up to 16 characters.
    private static let longestToken = 1 << 8

    /// Whether a text begins with a space that is not written, so that its first word is a word like any other.
    let addsSpacePrefix: Bool
    /// The token of a character; where there is none, `unlisted` plus its number stands for it while pairs merge.
    private let characters: [Unicode.Scalar: Int32]
    private let unlisted: Int32
    private let merges: PairMerges
    /// The token of each byte; empty where the vocabulary lacks one of them.
    private let byteTokens: [Int]
    private let unknown: Int?

    /// - Parameter scores: one for each token.
    init(_ vocabulary: Tokenizer.Vocabulary, scores: [Float], addsSpacePrefix: Bool) throws(TokenizerError) {
        let tokens = vocabulary.tokens
        guard scores.count == tokens.count else {
            throw .malformedVocabulary("\(tokens.count) tokens but \(scores.count) scores")
        }
        guard tokens.count <= Int(Int32.max) - 0x110000 else {
            throw .malformedVocabulary("more tokens than can be counted")
        }
        self.addsSpacePrefix = addsSpacePrefix
        let unlisted = Int32(tokens.count)
        self.unlisted = unlisted
        unknown = tokens.indices.first { vocabulary.kind(of: $0) == .unknown }
        var bytes = [Int?](repeating: nil, count: 256)
        var pieces: [ArraySlice<UInt8>: Int32] = [:]
        var characters: [Unicode.Scalar: Int32] = [:]
        for (id, token) in tokens.enumerated() {
            switch vocabulary.kind(of: id) {
            case .byte:
                guard let byte = Self.byte(token) else {
                    throw .malformedVocabulary(
                        "\"\(token)\" is not how the token of a byte is written, <0x00> to <0xFF>")
                }
                bytes[Int(byte)] = bytes[Int(byte)] ?? id
            case .normal:
                guard token.utf8.count <= Self.longestToken else {
                    throw .malformedVocabulary(
                        "token \(id) has \(token.utf8.count) bytes, more than \(Self.longestToken)")
                }
                guard scores[id].isFinite else {
                    throw .malformedVocabulary("the score of token \(id) is \(scores[id]), expected a number")
                }
                let text = ArraySlice(token.utf8)
                guard pieces[text] == nil else { continue }
                pieces[text] = Int32(id)
                if let only = token.unicodeScalars.first, token.unicodeScalars.count == 1 {
                    characters[only] = Int32(id)
                }
            case .unknown, .control, .userDefined, .unused: break
            }
        }
        self.characters = characters
        byteTokens = bytes.contains(nil) ? [] : bytes.map { $0! }
        guard unknown != nil || !byteTokens.isEmpty else {
            throw .malformedVocabulary("it has neither an unknown token nor one for every byte")
        }
        // Pairs are as urgent as the score of what they merge into.
        var ranks: [Float: Int32] = [:]
        for score in Set(scores.filter(\.isFinite)).sorted(by: >) { ranks[score] = Int32(ranks.count) }
        var merges = PairMerges(minimumCapacity: 2 * pieces.count)
        for (text, id) in pieces {
            // A part that is a token, or a character that is none.
            func part(_ bytes: ArraySlice<UInt8>) -> Int32? {
                if let id = pieces[bytes] { return id }
                guard bytes.count <= 4 else { return nil }
                let scalars = String(decoding: bytes, as: UTF8.self).unicodeScalars
                return scalars.count == 1 ? unlisted + Int32(scalars.first!.value) : nil
            }
            for middle in text.indices.dropFirst() where text[middle] & 0b1100_0000 != 0b1000_0000 {
                guard let left = part(text[..<middle]), let right = part(text[middle...]) else { continue }
                merges.add(left, right, into: id, rank: ranks[scores[Int(id)]]!)
            }
        }
        self.merges = merges
    }

    /// The byte that a token such as `<0x0A>` stands for.
    static func byte(_ token: String) -> UInt8? {
        let text = Array(token.utf8)
        guard text.count == 6, text.starts(with: "<0x".utf8), text[5] == UInt8(ascii: ">") else { return nil }
        let digits = text[3..<5].compactMap { Character(Unicode.Scalar($0)).hexDigitValue }
        return digits.count == 2 ? UInt8(16 * digits[0] + digits[1]) : nil
    }

    /// What a token is in a text, or a text to its tokens.
    static func withSpaces(_ text: String) -> String {
        var spaced = String.UnicodeScalarView()
        for scalar in text.unicodeScalars { spaced.append(scalar == space ? " " : scalar) }
        return String(spaced)
    }

    /// The token ids of text in which no special token is to be found.
    func encode(_ text: Substring) -> [Int] {
        var tokens = text.unicodeScalars.map { scalar in
            let scalar = scalar == " " ? Self.space : scalar
            return characters[scalar] ?? unlisted + Int32(scalar.value)
        }
        merges.apply(to: &tokens)
        var ids: [Int] = []
        ids.reserveCapacity(tokens.count)
        var followsUnknown = false
        for token in tokens {
            guard token >= unlisted else {
                ids.append(Int(token))
                followsUnknown = false
                continue
            }
            if !byteTokens.isEmpty {
                let character = Unicode.Scalar(UInt32(token - unlisted))!
                ids += UTF8.encode(character)!.map { byteTokens[Int($0)] }
            } else if let unknown, !followsUnknown {
                ids.append(unknown)
            }
            followsUnknown = true
        }
        return ids
    }
}
