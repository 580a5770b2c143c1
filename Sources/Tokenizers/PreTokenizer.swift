/// Splits text into the words that byte-pair merging works inside of.
///
/// The raw values are the names that GGUF files use in `tokenizer.ggml.pre`. Each splitter does by hand what
/// the original tokenizer's regular expression does; the expression stands in its comment.
enum PreTokenizer: String, CaseIterable {
    /// GPT-2: `'(?:s|t|re|ve|m|ll|d)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+`
    case gpt2
    /// SmolLM: every numeric character stands alone, then GPT-2's expression on what lies between.
    case smollm
    /// Qwen 2: `(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`
    case qwen2
    /// Llama 3: as Qwen 2, but `\p{N}{1,3}`.
    case llamaBPE = "llama-bpe"

    init(named name: String) throws(TokenizerError) {
        switch name {
        case "gpt-2": self = .gpt2
        default:
            guard let known = PreTokenizer(rawValue: name) else { throw .unknownPreTokenizer(name) }
            self = known
        }
    }

    /// Calls `body` with the bounds of each word, in order; the words cover the text.
    func forEachWord(in text: ScalarText, _ body: (Range<Int>) -> Void) {
        switch self {
        case .gpt2:
            splitLikeGPT2(text, 0..<text.count, body)
        case .smollm:
            var start = 0
            for index in 0..<text.count where text.classes[index] == .number {
                splitLikeGPT2(text, start..<index, body)
                body(index..<index + 1)
                start = index + 1
            }
            splitLikeGPT2(text, start..<text.count, body)
        case .qwen2:
            splitLikeQwen2(text, longestNumber: 1, body)
        case .llamaBPE:
            splitLikeQwen2(text, longestNumber: 3, body)
        }
    }

    private func splitLikeGPT2(_ text: ScalarText, _ range: Range<Int>, _ body: (Range<Int>) -> Void) {
        let end = range.upperBound
        var start = range.lowerBound
        while start < end {
            var next = start
            if let length = text.contraction(at: start, end: end, ignoringCase: false) {
                next = start + length
            } else {
                let first = text.scalars[start] == " " && start + 1 < end ? start + 1 : start
                let kind = text.classes[first]
                next =
                    kind == .space
                    ? text.endOfSpaces(from: start, end: end) : text.endOfRun(of: kind, from: first, end: end)
            }
            body(start..<next)
            start = next
        }
    }

    private func splitLikeQwen2(_ text: ScalarText, longestNumber: Int, _ body: (Range<Int>) -> Void) {
        let end = text.count
        var start = 0
        while start < end {
            let next = nextWordLikeQwen2(text, start, end, longestNumber)
            body(start..<next)
            start = next
        }
    }

    private func nextWordLikeQwen2(_ text: ScalarText, _ start: Int, _ end: Int, _ longestNumber: Int) -> Int {
        if let length = text.contraction(at: start, end: end, ignoringCase: true) { return start + length }
        let kind = text.classes[start]
        if kind == .letter { return text.endOfRun(of: .letter, from: start, end: end) }
        if kind != .number, !text.isNewline(start), start + 1 < end, text.classes[start + 1] == .letter {
            return text.endOfRun(of: .letter, from: start + 1, end: end)
        }
        if kind == .number {
            return text.endOfRun(of: .number, from: start, end: min(end, start + longestNumber))
        }
        let first = text.scalars[start] == " " && start + 1 < end ? start + 1 : start
        if text.classes[first] == .other {
            var next = text.endOfRun(of: .other, from: first, end: end)
            while next < end, text.isNewline(next) { next += 1 }
            return next
        }
        // \s*[\r\n]+ takes everything up to the last newline of the white space.
        let spaces = text.endOfRun(of: .space, from: start, end: end)
        if let newline = (start..<spaces).last(where: text.isNewline) { return newline + 1 }
        return text.endOfSpaces(from: start, end: end)
    }
}
