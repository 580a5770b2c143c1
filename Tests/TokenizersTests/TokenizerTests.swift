import Checkpoints
import Foundation
import TestSupport
import Testing
@testable import Tokenizers
import Transformer

private struct Case: Decodable {
    let text: String
    let special: Bool
    let ids: [Int]

    static func read(_ name: String) throws -> [Case] {
        let data = try Data(contentsOf: Fixtures.url("tokenizers/\(name).cases.jsonl"))
        return try data.split(separator: UInt8(ascii: "\n")).map { try JSONDecoder().decode(Case.self, from: Data($0)) }
    }
}

private struct SmallVocabulary: Decodable {
    let tokens: [String]
    let token_type: [Int]
    let pre: String?
    let merges: [String]?
    let scores: [Float]?
    let adds_space_prefix: Bool?

    static func tokenizer(_ name: String) throws -> Tokenizer {
        let data = try Data(contentsOf: Fixtures.url("tokenizers/\(name).json"))
        let small = try JSONDecoder().decode(SmallVocabulary.self, from: data)
        let algorithm: Tokenizer.Vocabulary.Algorithm =
            if let scores = small.scores {
                .sentencePiece(scores: scores, addsSpacePrefix: small.adds_space_prefix!)
            } else {
                .byteLevel(merges: small.merges!, preTokenizer: small.pre!)
            }
        return try Tokenizer(
            Tokenizer.Vocabulary(
                tokens: small.tokens, algorithm: algorithm,
                kinds: small.token_type.map { Tokenizer.Vocabulary.Kind(rawValue: $0)! }))
    }
}

extension Tokenizer.Vocabulary {
    /// A byte-level one.
    fileprivate init(
        _ tokens: [String], merges: [String] = [], kinds: [Kind] = [], preTokenizer: String = "gpt2",
        beginningOfText: Int? = nil, endOfText: Int? = nil, addsBeginningOfText: Bool = false
    ) {
        self.init(
            tokens: tokens, algorithm: .byteLevel(merges: merges, preTokenizer: preTokenizer), kinds: kinds,
            beginningOfText: beginningOfText, endOfText: endOfText, addsBeginningOfText: addsBeginningOfText)
    }
}

@Suite struct TokenizerTests {
    static let smollm = Result { try Tokenizer(try GGUFFile(contentsOf: Fixtures.defaultModel)) }

    static func tokenizer(_ name: String) throws -> Tokenizer {
        name == "smollm" ? try smollm.get() : try SmallVocabulary.tokenizer(name)
    }

    @Test(arguments: ["smollm", "gpt2", "qwen2", "llama-bpe", "sentencepiece", "sentencepiece-unknown"])
    func idsEqualTheOriginalTokenizers(name: String) throws {
        let tokenizer = try Self.tokenizer(name)
        let cases = try Case.read(name)
        #expect(cases.count > 150)
        for item in cases {
            let ids = tokenizer.encode(item.text, recognizingSpecialTokens: item.special)
            #expect(ids == item.ids, "\(item.text.debugDescription)")
        }
    }

    @Test(arguments: ["smollm", "gpt2", "qwen2", "llama-bpe", "sentencepiece"])
    func anyTextSurvivesARoundTrip(name: String) throws {
        let tokenizer = try Self.tokenizer(name)
        for item in try Case.read(name) {
            var text = name == "qwen2" ? item.text.precomposedStringWithCanonicalMapping : item.text
            if name == "sentencepiece" { text = text.replacing("\u{2581}", with: " ") }
            #expect(tokenizer.decode(tokenizer.encode(text)).utf8.elementsEqual(text.utf8), "\(text.debugDescription)")
        }
        var state: UInt64 = 9
        for _ in 0..<200 {
            var text = ""
            for _ in 0..<30 {
                state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
                let limit: UInt32 = [0x80, 0x800, 0x10000, 0x110000][Int(state >> 60) % 4]
                let value = UInt32(truncatingIfNeeded: state >> 20) % limit
                // SmolLM2's vocabulary lacks these control characters, and the bytes that the unassigned planes
                // 4 to 11 begin with.
                if [0x04, 0x06, 0x13, 0x14, 0x16, 0x1D].contains(value) || (0x40000..<0xC0000).contains(value) {
                    continue
                }
                if let scalar = Unicode.Scalar(value) { text.unicodeScalars.append(scalar) }
            }
            if name == "qwen2" { text = text.precomposedStringWithCanonicalMapping }
            #expect(tokenizer.decode(tokenizer.encode(text)).utf8.elementsEqual(text.utf8))
        }
    }

    @Test(.timeLimit(.minutes(1)), arguments: ["smollm", "sentencepiece"])
    func wordsWithoutSpacesStayFast(name: String) throws {
        // Quadratic merging would take hours here.
        let tokenizer = try Self.tokenizer(name)
        let text = String(repeating: "ab", count: 200_000)
        #expect(tokenizer.decode(tokenizer.encode(text)) == text)
    }

    /// The same of digits, which two tokenizers cut into runs of a few.
    @Test(.timeLimit(.minutes(1)), arguments: ["qwen2", "llama-bpe"])
    func longNumbersStayFast(name: String) throws {
        let tokenizer = try Self.tokenizer(name)
        let text = String(repeating: "7", count: 2_000_000)
        #expect(tokenizer.decode(tokenizer.encode(text)) == text)
    }

    /// Foundation composes alike once marks are in order; of long runs it loses the order, as the standard library
    /// does, and both take seconds for those that come out of order.
    @Test(.timeLimit(.minutes(1))) func runsOfCombiningMarksAreComposedAndStayFast() throws {
        let marks = ["\u{301}", "\u{316}", "\u{344}", "\u{345}", "\u{5B0}", "\u{F73}", "\u{302}"]
        for count in [1, 2, 63, 64, 65, 200] {
            for start in ["e", "\u{E9}", "\u{1EA5}", "", "\u{AC00}"] {
                let run = (0..<count).map { marks[($0 * $0 + count) % marks.count] }.joined()
                let ordered =
                    start.decomposedStringWithCanonicalMapping
                    + run.unicodeScalars.map {
                        String($0).decomposedStringWithCanonicalMapping
                    }.joined()
                var expected = Array(ordered.unicodeScalars)
                func order(_ i: Int) -> UInt8 { expected[i].properties.canonicalCombiningClass.rawValue }
                // Neighbours that are out of order change places until none are: Unicode's own definition.
                while let i = expected.indices.dropLast().first(where: {
                    order($0) > order($0 + 1) && order($0 + 1) > 0
                }) {
                    expected.swapAt(i, i + 1)
                }
                let composed = String(String.UnicodeScalarView(expected)).precomposedStringWithCanonicalMapping
                #expect(
                    (start + run + "x").canonicallyComposed.unicodeScalars.elementsEqual(
                        (composed + "x").unicodeScalars),
                    "\(start) and \(count)")
            }
        }
        let tokenizer = try Self.tokenizer("qwen2")
        let text = "e" + String(repeating: "\u{301}\u{316}\u{F73}", count: 300_000)
        #expect(tokenizer.decode(tokenizer.encode(text)).unicodeScalars.count == 1_200_000)
    }

    @Test func aWholeTextBeginsWithItsTokenWhereTheModelWantsThat() throws {
        for adds in [false, true] {
            let tokenizer = try Tokenizer(
                .init(
                    ["a", "b", "<s>"], kinds: [.normal, .normal, .control],
                    beginningOfText: 2, addsBeginningOfText: adds))
            #expect(tokenizer.encodeText("ab") == (adds ? [2, 0, 1] : [0, 1]))
            #expect(tokenizer.encode("ab") == [0, 1])
            // A text that has it already does not get it twice.
            #expect(tokenizer.encodeText("<s>ab", recognizingSpecialTokens: true) == [2, 0, 1])
        }
        // What is none of the original tokenizers' rules is not guessed.
        #expect(throws: TokenizerError.self) {
            try Tokenizer(.init(["a"], preTokenizer: "default"))
        }
    }

    /// Of tokens with one text the first counts, of those that begin alike the longest.
    @Test func specialTokensMayShareTheirText() throws {
        let tokenizer = try Tokenizer(
            .init(
                ["a", "<", ">", "<x>", "<x>", "<x>a", "<x>"],
                kinds: [.normal, .normal, .normal, .control, .userDefined, .control, .userDefined]))
        #expect(tokenizer.encode("<x>") == [4])
        #expect(tokenizer.encode("<x>a<x", recognizingSpecialTokens: true) == [5, 1])
        #expect(tokenizer.encode("<x><", recognizingSpecialTokens: true) == [3, 1])
        let long = (0..<3).map { String(repeating: "y", count: 100_000) + "\($0)" }
        #expect(throws: TokenizerError.self) {
            try Tokenizer(
                .init(
                    ["a"] + long, kinds: [.normal, .control, .control, .control]))
        }
    }

    /// A user-defined token is text that is taken as a whole; a control token is no text.
    @Test func userDefinedTokensAreText() throws {
        let letters = ["a", "b", "<", ">", "e", "n", "d", "|"]
        let tokenizer = try Tokenizer(
            .init(
                letters + ["<tool>", "<end>", "<|end|>"],
                kinds: letters.map { _ in .normal } + [.userDefined, .control, .userDefined]))
        #expect(tokenizer.encode("a<tool>b") == [0, 8, 1])
        #expect(tokenizer.encode("<end>") == [2, 4, 5, 6, 3])
        // The mark of a turn is none, whatever its kind says.
        #expect(tokenizer.encode("<|end|>") == [2, 7, 4, 5, 6, 7, 3])
        #expect(tokenizer.encode("<tool><end><|end|>", recognizingSpecialTokens: true) == [8, 9, 10])
        #expect((8...10).map(tokenizer.isSpecial) == [false, true, true])
        var streamed = StreamingDecoder(tokenizer)
        #expect((8...10).map { streamed.append($0) } == ["<tool>", "", ""])
    }

    @Test func streamingNeverEmitsHalfACharacter() throws {
        let tokenizer = try Self.smollm.get()
        for text in ["naïve 😀👨‍👩‍👧‍👦 日本語", "𠜎𠜱 ☃️ é"] {
            var decoder = StreamingDecoder(tokenizer)
            var streamed = ""
            for byteToken in tokenizer.encode(text) {
                let piece = decoder.append(byteToken)
                #expect(!piece.contains("\u{FFFD}"))
                streamed += piece
            }
            #expect(streamed + decoder.finish() == text)
        }
        var cut = StreamingDecoder(tokenizer)
        let ids = tokenizer.encode("😀")
        #expect(ids.count > 1)
        #expect(cut.append(ids[0]) == "")
        #expect(cut.finish() == "\u{FFFD}")
    }

    /// What a checkpoint says of a SentencePiece tokenizer is what the fixture was made of.
    @Test func sentencePieceIsReadFromMetadata() throws {
        let tokenizer = try Tokenizer(try GGUFFile(contentsOf: Fixtures.url("tokenizers/sentencepiece.gguf")))
        for item in try Case.read("sentencepiece") {
            #expect(tokenizer.encode(item.text, recognizingSpecialTokens: item.special) == item.ids)
        }
        #expect(tokenizer.endTokens == [2])
        // Models with such a tokenizer expect the beginning of a text where their files say nothing of it.
        #expect(tokenizer.encodeText("a") == [1] + tokenizer.encode("a"))
    }

    /// Where a model was made for texts that are rewritten before they are encoded, others would not do.
    @Test func sentencePieceThatRewritesTextsIsRefused() throws {
        let data = try Data(contentsOf: Fixtures.url("tokenizers/sentencepiece.gguf"))
        // Magic, version and the number of tensors stand before the number of entries, which follow it.
        func tokenizer(adding key: String, _ value: [UInt8]) throws -> Tokenizer {
            let entries = data[16..<24].reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) } + 1
            var changed = data[..<16]
            for number in [entries, UInt64(key.utf8.count)] {
                withUnsafeBytes(of: number.littleEndian) { changed.append(contentsOf: $0) }
            }
            changed.append(contentsOf: Array(key.utf8) + value + data[24...])
            return try Fixtures.withTemporaryDirectory { folder in
                let file = folder.appending(path: "changed.gguf")
                try changed.write(to: file)
                return try Tokenizer(try GGUFFile(contentsOf: file))
            }
        }
        let boolean: [UInt8] = [7, 0, 0, 0], bytes: [UInt8] = [9, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 65]
        #expect(throws: Never.self) { try tokenizer(adding: "tokenizer.ggml.remove_extra_whitespaces", boolean + [0]) }
        #expect(throws: CheckpointError.self) {
            try tokenizer(adding: "tokenizer.ggml.remove_extra_whitespaces", boolean + [1])
        }
        #expect(throws: CheckpointError.self) { try tokenizer(adding: "tokenizer.ggml.precompiled_charsmap", bytes) }
    }

    /// A space stands before the first word of a text, but not in it; what is written token by token keeps it.
    @Test func sentencePieceTextsBeginWithASpaceThatIsNotWritten() throws {
        let tokenizer = try Self.tokenizer("sentencepiece")
        let ids = tokenizer.encode("the dog")
        #expect(tokenizer.bytes(of: ids[0]) == Array(" the".utf8))
        #expect(tokenizer.decode(ids) == "the dog")
        #expect(tokenizer.decode(tokenizer.encode("  the")) == "  the")
        var decoder = StreamingDecoder(tokenizer)
        #expect(ids.map { decoder.append($0) }.joined() == " the dog")
        let newline = tokenizer.encode("\n").last!
        #expect(tokenizer.bytes(of: newline) == [0x0A])
    }

    /// SentencePiece itself: a character that no token holds, alone or in a run, becomes one unknown token.
    @Test func whatNoTokenHoldsIsUnknown() throws {
        let tokenizer = try Self.tokenizer("sentencepiece-unknown")
        let ids = tokenizer.encode("dog\u{1F600}\u{1F603}dog")
        #expect(ids.count { $0 == 0 } == 1)
        #expect(tokenizer.decode(ids) == "dog<unk>dog")
        #expect(tokenizer.decode(ids, skippingSpecialTokens: true) == "dogdog")
    }

    /// A text and its tokens may both write a space as U+2581; control tokens are as they are written.
    @Test func spacesOfUserDefinedTokensAreThoseOfTexts() throws {
        let tokenizer = try Tokenizer(
            Tokenizer.Vocabulary(
                tokens: ["<unk>", "\u{2581}\u{2581}", "<\u{2581}s>", "a", "b", "\u{2581}"],
                algorithm: .sentencePiece(scores: [0, 0, 0, -1, -2, -3], addsSpacePrefix: false),
                kinds: [.unknown, .userDefined, .control, .normal, .normal, .normal]))
        for text in ["a  b", "a\u{2581}\u{2581}b", "a \u{2581}b"] { #expect(tokenizer.encode(text) == [3, 1, 4]) }
        #expect(tokenizer.encode("<\u{2581}s>a b", recognizingSpecialTokens: true) == [2, 3, 5, 4])
    }

    /// What goes on with a text has no space of its own.
    @Test func textsGoOnWithoutASpace() throws {
        let tokenizer = try Self.tokenizer("sentencepiece")
        #expect(tokenizer.bytes(of: tokenizer.encode(continuing: "the dog")[0]).first == UInt8(ascii: "t"))
        #expect(tokenizer.encode(continuing: " the dog") == tokenizer.encode("the dog"))
        let byteLevel = try Self.tokenizer("gpt2")
        #expect(byteLevel.encode(continuing: "the dog") == byteLevel.encode("the dog"))
    }

    @Test func malformedVocabulariesAreRefused() {
        func refused(_ vocabulary: Tokenizer.Vocabulary) -> Bool { (try? Tokenizer(vocabulary)) == nil }
        #expect(refused(.init(["a"], preTokenizer: "unheard-of")))
        #expect(refused(.init(["a"], merges: ["a b"])))
        #expect(refused(.init(["a"], merges: ["a"])))
        #expect(refused(.init(["a"], kinds: [.normal, .normal])))
        #expect(refused(.init(["a"], endOfText: 7)))
        func pieces(_ tokens: [String], scores: [Float], kinds: [Tokenizer.Vocabulary.Kind] = []) -> Bool {
            refused(
                Tokenizer.Vocabulary(
                    tokens: tokens, algorithm: .sentencePiece(scores: scores, addsSpacePrefix: true), kinds: kinds))
        }
        #expect(!pieces(["a", "?"], scores: [0, 0], kinds: [.normal, .unknown]))
        // Characters would be lost without a word.
        #expect(pieces(["a", "<0x41>"], scores: [0, 0], kinds: [.normal, .byte]))
        #expect(pieces(["a", "?", "<0x+5>"], scores: [0, 0, 0], kinds: [.normal, .unknown, .byte]))
        #expect(pieces(["a"], scores: []))
        #expect(pieces(["a"], scores: [.nan]))
        #expect(pieces(["a"], scores: [0], kinds: [.byte]))
        #expect(pieces([String(repeating: "a", count: 1000)], scores: [0]))
    }
}
