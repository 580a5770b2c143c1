/// Finds special tokens written out in text.
struct SpecialTokens: Sendable {
    enum Piece {
        case text(Substring)
        case special(Int)
    }

    /// A token whose text stands for the token as a whole.
    struct Token {
        let text: String
        let id: Int
        /// Whether it steers a model and is no part of what is said; else it is text, always taken as a whole.
        let isControl: Bool
    }

    /// By their bytes: hashing strings takes time in the square of a run of combining marks.
    private let ids: [[UInt8]: Int]
    private let control: Set<Int>
    /// Tokens by their first byte, longest first.
    private let byFirstByte: [UInt8: [(bytes: [UInt8], id: Int)]]

    init(_ tokens: [Token]) {
        ids = Dictionary(tokens.map { (Array($0.text.utf8), $0.id) }, uniquingKeysWith: { first, _ in first })
        control = Set(tokens.filter(\.isControl).map(\.id))
        var table: [UInt8: [(bytes: [UInt8], id: Int)]] = [:]
        for token in tokens {
            let bytes = Array(token.text.utf8)
            table[bytes[0], default: []].append((bytes, token.id))
        }
        byFirstByte = table.mapValues { $0.sorted { ($1.bytes.count, $0.id) < ($0.bytes.count, $1.id) } }
    }

    func id(of text: String) -> Int? { ids[Array(text.utf8)] }

    func isControl(_ id: Int) -> Bool { control.contains(id) }

    /// Cuts `text` at the tokens in it: the leftmost first, the longest of those that start together.
    ///
    /// - Parameter recognizingControl: whether control tokens count; else their text is like any other.
    func split(_ text: String, recognizingControl: Bool) -> [Piece] {
        var pieces: [Piece] = []
        let utf8 = text.utf8
        var textStart = utf8.startIndex
        var index = utf8.startIndex
        while index < utf8.endIndex {
            guard
                let token = byFirstByte[utf8[index]]?.first(where: {
                    (recognizingControl || !control.contains($0.id)) && utf8[index...].starts(with: $0.bytes)
                })
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
