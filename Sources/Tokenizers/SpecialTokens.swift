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
    /// Which tokens a text is cut at.
    struct Kinds: OptionSet {
        let rawValue: Int
        static let control = Kinds(rawValue: 1)
        /// Those that are text.
        static let text = Kinds(rawValue: 2)
        static let all: Kinds = [.control, .text]
    }

    /// A place in a token's text: where each next byte leads, and the token that ends there, of several of a kind the
    /// one with the smallest id.
    private struct Node {
        var controlId: Int?
        var textId: Int?
        var next: [UInt8: Int] = [:]

        func id(of kinds: Kinds) -> Int? {
            let control = kinds.contains(.control) ? controlId : nil
            let text = kinds.contains(.text) ? textId : nil
            guard let control, let text else { return control ?? text }
            return min(control, text)
        }
    }

    /// Bytes of all texts together: some ten times as many as the models have that have the most.
    private static let mostBytes = 1 << 18

    /// The tokens' texts as a tree, from the first node on.
    private var nodes = [Node()]

    init(_ tokens: [Token]) throws(TokenizerError) {
        let bytes = tokens.reduce(0) { $0 + $1.text.utf8.count }
        guard bytes <= Self.mostBytes else {
            throw .malformedVocabulary("its special tokens have \(bytes) bytes, more than \(Self.mostBytes)")
        }
        ids = Dictionary(tokens.map { (Array($0.text.utf8), $0.id) }, uniquingKeysWith: { first, _ in first })
        control = Set(tokens.filter(\.isControl).map(\.id))
        for token in tokens { add(token) }
    }

    private mutating func add(_ token: Token) {
        var node = 0
        for byte in token.text.utf8 {
            if let next = nodes[node].next[byte] {
                node = next
            } else {
                nodes.append(Node())
                nodes[node].next[byte] = nodes.count - 1
                node = nodes.count - 1
            }
        }
        let place = token.isControl ? \Node.controlId : \Node.textId
        nodes[node][keyPath: place] = min(nodes[node][keyPath: place] ?? token.id, token.id)
    }

    /// The longest token that `text` begins with, of several of one text the one with the smallest id.
    private func longest(
        at text: Substring.UTF8View, of kinds: Kinds
    ) -> (id: Int, end: Substring.UTF8View.Index)? {
        var found: (Int, Substring.UTF8View.Index)?
        var (node, index) = (0, text.startIndex)
        while index < text.endIndex, let next = nodes[node].next[text[index]] {
            node = next
            text.formIndex(after: &index)
            if let id = nodes[node].id(of: kinds) { found = (id, index) }
        }
        return found
    }

    func id(of text: String) -> Int? { ids[Array(text.utf8)] }

    func isControl(_ id: Int) -> Bool { control.contains(id) }

    /// Cuts `text` at the tokens of some kinds in it: the leftmost first, the longest of those that start together.
    func split(_ text: String, at kinds: Kinds) -> [Piece] {
        var pieces: [Piece] = []
        let utf8 = text.utf8
        var textStart = utf8.startIndex
        var index = utf8.startIndex
        while index < utf8.endIndex {
            guard let token = longest(at: utf8[index...], of: kinds) else {
                utf8.formIndex(after: &index)
                continue
            }
            if textStart < index { pieces.append(.text(text[textStart..<index])) }
            pieces.append(.special(token.id))
            index = token.end
            textStart = index
        }
        if textStart < utf8.endIndex { pieces.append(.text(text[textStart...])) }
        return pieces
    }
}
