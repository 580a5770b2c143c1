/// The bytes of every token, end to end in one array: tens of thousands of small arrays would each cost a header.
struct TokenTexts: Sendable {
    private var bytes: [UInt8] = []
    private var ends: [UInt32] = []

    /// Makes room for texts that are no longer than `tokens`.
    ///
    /// - Throws: ``TokenizerError`` where they have more bytes than 32 bits count.
    init(roomFor tokens: [String]) throws(TokenizerError) {
        let count = tokens.reduce(0) { $0 + $1.utf8.count }
        guard UInt32(exactly: count) != nil else { throw .malformedVocabulary("tokens of \(count) bytes") }
        bytes.reserveCapacity(count)
        ends.reserveCapacity(tokens.count)
    }

    var count: Int { ends.count }

    mutating func append(_ text: some Sequence<UInt8>) {
        bytes.append(contentsOf: text)
        ends.append(UInt32(bytes.count))
    }

    subscript(id: Int) -> ArraySlice<UInt8> { bytes[(id == 0 ? 0 : Int(ends[id - 1]))..<Int(ends[id])] }
}
