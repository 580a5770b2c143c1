/// Finds special tokens written out in text.
struct SpecialTokens: Sendable {
    enum Piece {
        case text(Substring)
        case special(Int)
    }

    private let ids: [String: Int]
    private let all: Set<Int>
    /// Special tokens by their first byte, longest first.
    private let byFirstByte: [UInt8: [(bytes: [UInt8], id: Int)]]

    init(_ tokens: [(text: String, id: Int)]) {
        ids = Dictionary(tokens.map { ($0.text, $0.id) }, uniquingKeysWith: { first, _ in first })
        all = Set(tokens.map(\.id))
        var table: [UInt8: [(bytes: [UInt8], id: Int)]] = [:]
        for token in tokens {
            let bytes = Array(token.text.utf8)
            table[bytes[0], default: []].append((bytes, token.id))
        }
        byFirstByte = table.mapValues { $0.sorted { ($1.bytes.count, $0.id) < ($0.bytes.count, $1.id) } }
    }

    func id(of text: String) -> Int? { ids[text] }

    func contains(_ id: Int) -> Bool { all.contains(id) }

    /// Cuts `text` at its special tokens: the leftmost first, the longest of those that start together.
    func split(_ text: String) -> [Piece] {
        var pieces: [Piece] = []
        let utf8 = text.utf8
        var textStart = utf8.startIndex
        var index = utf8.startIndex
        while index < utf8.endIndex {
            guard
                let token = byFirstByte[utf8[index]]?.first(where: { utf8[index...].starts(with: $0.bytes) })
            else {
                utf8.formIndex(after: &index)
                continue
            }
            if textStart < index { pieces.append(.text(text[textStart..<index])) }
            pieces.append(.special(token.id))
            index = utf8.index(index, offsetBy: token.bytes.count)
            textStart = index
        }
        if textStart < utf8.endIndex { pieces.append(.text(text[textStart...])) }
        return pieces
    }
}
