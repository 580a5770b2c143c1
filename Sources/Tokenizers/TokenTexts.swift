/// The bytes of every token, end to end in one array: tens of thousands of small arrays would each cost a header.
struct TokenTexts: Sendable {
    private var bytes: [UInt8] = []
    private var ends: [Int] = []

    init(capacity: Int) { ends.reserveCapacity(capacity) }

    var count: Int { ends.count }

    mutating func append(_ text: some Sequence<UInt8>) {
        bytes.append(contentsOf: text)
        ends.append(bytes.count)
    }

    subscript(id: Int) -> ArraySlice<UInt8> { bytes[(id == 0 ? 0 : ends[id - 1])..<ends[id]] }
}
