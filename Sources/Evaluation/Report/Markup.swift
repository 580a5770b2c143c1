import DomainBasis

/// Text of HTML or SVG. What is interpolated is escaped unless it is markup itself, so text from files stays text.
///
/// Every element is closed and every attribute quoted: a page is well-formed XML as well.
struct Markup: Sendable, Equatable, ExpressibleByStringInterpolation {
    let text: String

    init(stringLiteral value: String) { text = value }

    init(stringInterpolation: StringInterpolation) { text = stringInterpolation.text }

    /// Plain text.
    init(escaping plain: String) { text = escaped(plain, keepsWhitespace: true) }

    private init(text: String) { self.text = text }

    static func + (left: Markup, right: Markup) -> Markup { Markup(text: left.text + right.text) }

    static let empty: Markup = ""

    struct StringInterpolation: StringInterpolationProtocol {
        fileprivate var text = ""

        init(literalCapacity: Int, interpolationCount: Int) { text.reserveCapacity(2 * literalCapacity) }

        mutating func appendLiteral(_ literal: String) { text += literal }
        mutating func appendInterpolation(_ plain: String) { text += escaped(plain, keepsWhitespace: true) }
        mutating func appendInterpolation(_ number: Int) { text += "\(number)" }
        /// A coordinate, to a hundredth.
        mutating func appendInterpolation(_ coordinate: Double) { text += NumberText.coordinate(coordinate) }
        mutating func appendInterpolation(_ markup: Markup) { text += markup.text }
        mutating func appendInterpolation(_ markups: [Markup]) { for markup in markups { text += markup.text } }
    }
}
