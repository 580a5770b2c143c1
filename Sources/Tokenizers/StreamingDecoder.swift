/// Turns token ids into text as they come, holding back the bytes of a character that is not yet whole.
public struct StreamingDecoder {
    private let tokenizer: Tokenizer
    private var pending: [UInt8] = []

    public init(_ tokenizer: Tokenizer) {
        self.tokenizer = tokenizer
    }

    /// The text that `id` completes; empty while a character is incomplete, and for special tokens.
    public mutating func append(_ id: Int) -> String {
        guard !tokenizer.isSpecial(id) else { return "" }
        pending.append(contentsOf: tokenizer.bytes(of: id))
        let whole = pending.count - Self.incompleteSuffix(pending)
        defer { pending.removeFirst(whole) }
        return String(decoding: pending[..<whole], as: UTF8.self)
    }

    /// What is left when no more tokens come, an incomplete character as U+FFFD.
    public mutating func finish() -> String {
        defer { pending = [] }
        return String(decoding: pending, as: UTF8.self)
    }

    /// How many bytes at the end are the start of a character whose rest has not come.
    private static func incompleteSuffix(_ bytes: [UInt8]) -> Int {
        for length in 1...3 where length <= bytes.count {
            let byte = bytes[bytes.count - length]
            if byte & 0b1100_0000 == 0b1000_0000 { continue }
            let needed = byte >= 0b1111_0000 ? 4 : byte >= 0b1110_0000 ? 3 : byte >= 0b1100_0000 ? 2 : 1
            return needed > length && byte < 0b1111_1000 ? length : 0
        }
        return 0
    }
}
