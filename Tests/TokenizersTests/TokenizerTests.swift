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
    let pre: String
    let tokens: [String]
    let merges: [String]
    let token_type: [Int]

    static func tokenizer(_ name: String) throws -> Tokenizer {
        let data = try Data(contentsOf: Fixtures.url("tokenizers/\(name).json"))
        let small = try JSONDecoder().decode(SmallVocabulary.self, from: data)
        return try Tokenizer(
            Tokenizer.Vocabulary(
                tokens: small.tokens, merges: small.merges,
                kinds: small.token_type.map { Tokenizer.Vocabulary.Kind(rawValue: $0)! }, preTokenizer: small.pre))
    }
}

@Suite struct TokenizerTests {
    static let smollm = Result { try Tokenizer(try GGUFFile(contentsOf: Fixtures.defaultModel)) }

    static func tokenizer(_ name: String) throws -> Tokenizer {
        name == "smollm" ? try smollm.get() : try SmallVocabulary.tokenizer(name)
    }

    @Test(arguments: ["smollm", "gpt2", "qwen2", "llama-bpe"])
    func idsEqualTheOriginalTokenizers(name: String) throws {
        let tokenizer = try Self.tokenizer(name)
        let cases = try Case.read(name)
        #expect(cases.count > 150)
        for item in cases {
            let ids = tokenizer.encode(item.text, recognizingSpecialTokens: item.special)
            #expect(ids == item.ids, "\(item.text.debugDescription)")
        }
    }

    @Test(arguments: ["smollm", "gpt2", "qwen2", "llama-bpe"])
    func anyTextSurvivesARoundTrip(name: String) throws {
        let tokenizer = try Self.tokenizer(name)
        for item in try Case.read(name) {
            let text = name == "qwen2" ? item.text.precomposedStringWithCanonicalMapping : item.text
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

    @Test(.timeLimit(.minutes(1))) func wordsWithoutSpacesStayFast() throws {
        // Quadratic merging would take hours here.
        let tokenizer = try Self.smollm.get()
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
                    tokens: ["a", "b", "<s>"], merges: [], kinds: [.normal, .normal, .control], preTokenizer: "gpt2",
                    beginningOfText: 2, addsBeginningOfText: adds))
            #expect(tokenizer.encodeText("ab") == (adds ? [2, 0, 1] : [0, 1]))
            #expect(tokenizer.encode("ab") == [0, 1])
            // A text that has it already does not get it twice.
            #expect(tokenizer.encodeText("<s>ab", recognizingSpecialTokens: true) == [2, 0, 1])
        }
        // What is none of the original tokenizers' rules is not guessed.
        #expect(throws: TokenizerError.self) {
            try Tokenizer(.init(tokens: ["a"], merges: [], preTokenizer: "default"))
        }
    }

    /// Of tokens with one text the first counts, of those that begin alike the longest.
    @Test func specialTokensMayShareTheirText() throws {
        let tokenizer = try Tokenizer(
            .init(
                tokens: ["a", "<", ">", "<x>", "<x>", "<x>a", "<x>"], merges: [],
                kinds: [.normal, .normal, .normal, .control, .userDefined, .control, .userDefined],
                preTokenizer: "gpt2"))
        #expect(tokenizer.encode("<x>") == [4])
        #expect(tokenizer.encode("<x>a<x", recognizingSpecialTokens: true) == [5, 1])
        #expect(tokenizer.encode("<x><", recognizingSpecialTokens: true) == [3, 1])
        let long = (0..<3).map { String(repeating: "y", count: 100_000) + "\($0)" }
        #expect(throws: TokenizerError.self) {
            try Tokenizer(
                .init(
                    tokens: ["a"] + long, merges: [], kinds: [.normal, .control, .control, .control],
                    preTokenizer: "gpt2"))
        }
    }

    /// A user-defined token is text that is taken as a whole; a control token is no text.
    @Test func userDefinedTokensAreText() throws {
        let letters = ["a", "b", "<", ">", "e", "n", "d", "|"]
        let tokenizer = try Tokenizer(
            .init(
                tokens: letters + ["<tool>", "<end>", "<|end|>"], merges: [],
                kinds: letters.map { _ in .normal } + [.userDefined, .control, .userDefined], preTokenizer: "gpt2"))
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

    @Test func malformedVocabulariesAreRefused() {
        func refused(_ vocabulary: Tokenizer.Vocabulary) -> Bool { (try? Tokenizer(vocabulary)) == nil }
        #expect(refused(.init(tokens: ["a"], merges: [], preTokenizer: "unheard-of")))
        #expect(refused(.init(tokens: ["a"], merges: ["a b"], preTokenizer: "gpt2")))
        #expect(refused(.init(tokens: ["a"], merges: ["a"], preTokenizer: "gpt2")))
        #expect(refused(.init(tokens: ["a"], merges: [], kinds: [.normal, .normal], preTokenizer: "gpt2")))
        #expect(refused(.init(tokens: ["a"], merges: [], preTokenizer: "gpt2", endOfText: 7)))
    }
}
