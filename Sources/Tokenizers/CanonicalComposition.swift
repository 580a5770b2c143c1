// The standard library composes characters to compare strings; Foundation's own way to do it needs all of ICU.
@_spi(_Unicode) import Swift

extension String {
    /// Unicode normal form C, in which é is one scalar and not an e with an accent.
    var canonicallyComposed: String {
        var composed = UnicodeScalarView()
        for scalar in withMarksInOrder._nfc { composed.append(scalar) }
        return String(composed)
    }

    /// The same text in normal form, with runs of combining marks decomposed and in canonical order. The standard
    /// library puts them in order in the square of their number, and mixes up those of one class where they are some
    /// sixty.
    private var withMarksInOrder: String {
        var result = UnicodeScalarView()
        var marks: [Unicode.Scalar] = []
        func appendMarks() {
            for mark in marks.count < 2 ? marks : Self.inCanonicalOrder(marks) { result.append(mark) }
            marks.removeAll(keepingCapacity: true)
        }
        for scalar in unicodeScalars {
            if scalar.properties.canonicalCombiningClass != .notReordered || Self.pairsOfMarks.contains(scalar) {
                marks.append(scalar)
            } else {
                appendMarks()
                result.append(scalar)
            }
        }
        appendMarks()
        return String(result)
    }

    /// The scalars that are none themselves but are made of marks alone: three vowel signs of Tibetan.
    private static let pairsOfMarks: Set<Unicode.Scalar> = ["\u{F73}", "\u{F75}", "\u{F81}"]

    /// Marks by their class, those of one class as they stand.
    private static func inCanonicalOrder(_ marks: [Unicode.Scalar]) -> [Unicode.Scalar] {
        let parts = marks.flatMap { String($0)._nfd }
        let keys = parts.enumerated().map { ($1.properties.canonicalCombiningClass.rawValue, $0) }
        return keys.sorted(by: <).map { parts[$0.1] }
    }
}
