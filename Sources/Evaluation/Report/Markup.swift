/// Text of HTML or SVG. What is interpolated is escaped unless it is markup itself, so text from files stays text.
///
/// Every element is closed and every attribute quoted: a page is well-formed XML as well.
struct Markup: Sendable, Equatable, ExpressibleByStringInterpolation {
    let text: String

    init(stringLiteral value: String) { text = value }

    init(stringInterpolation: StringInterpolation) { text = stringInterpolation.text }

    /// Plain text.
    init(escaping plain: String) { text = Self.escape(plain) }

    private init(text: String) { self.text = text }

    static func + (left: Markup, right: Markup) -> Markup { Markup(text: left.text + right.text) }

    static let empty: Markup = ""

    struct StringInterpolation: StringInterpolationProtocol {
        fileprivate var text = ""

        init(literalCapacity: Int, interpolationCount: Int) { text.reserveCapacity(2 * literalCapacity) }

        mutating func appendLiteral(_ literal: String) { text += literal }
        mutating func appendInterpolation(_ plain: String) { text += Markup.escape(plain) }
        mutating func appendInterpolation(_ number: Int) { text += "\(number)" }
        /// A coordinate, to a hundredth.
        mutating func appendInterpolation(_ coordinate: Double) { text += NumberText.coordinate(coordinate) }
        mutating func appendInterpolation(_ markup: Markup) { text += markup.text }
        mutating func appendInterpolation(_ markups: [Markup]) { for markup in markups { text += markup.text } }
    }

    /// Characters that mean something to HTML as entities; those that XML cannot hold, as replacement characters.
    private static func escape(_ plain: String) -> String {
        var text = ""
        text.reserveCapacity(plain.utf8.count)
        for scalar in plain.unicodeScalars {
            switch scalar {
            case "&": text += "&amp;"
            case "<": text += "&lt;"
            case ">": text += "&gt;"
            case "\"": text += "&quot;"
            case "'": text += "&#39;"
            case "\r": break
            case "\t", "\n": text.unicodeScalars.append(scalar)
            case "\u{0}"..."\u{1F}", "\u{7F}"..."\u{9F}", "\u{FFFE}"..."\u{FFFF}": text += "\u{FFFD}"
            default: text.unicodeScalars.append(scalar)
            }
        }
        return text
    }
}
