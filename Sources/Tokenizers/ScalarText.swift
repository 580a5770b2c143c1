/// Text as Unicode scalars with what a pre-tokenizer asks of each.
struct ScalarText {
    enum Class: UInt8 {
        case letter  // \p{L}
        case number  // \p{N}
        case space  // \s: the property White_Space
        case other
    }

    let bytes: [UInt8]
    private(set) var scalars: [Unicode.Scalar] = []
    private(set) var classes: [Class] = []
    /// Where each scalar starts in `bytes`; one more entry than scalars.
    private(set) var offsets: [Int] = []

    var count: Int { scalars.count }

    init(_ text: Substring) {
        bytes = Array(text.utf8)
        scalars.reserveCapacity(bytes.count)
        classes.reserveCapacity(bytes.count)
        offsets.reserveCapacity(bytes.count + 1)
        var offset = 0
        for scalar in text.unicodeScalars {
            scalars.append(scalar)
            classes.append(Self.classify(scalar))
            offsets.append(offset)
            offset += UTF8.width(scalar)
        }
        offsets.append(offset)
    }

    private static let asciiClasses: [Class] = (0..<128).map { classifyByProperties(Unicode.Scalar(UInt8($0))) }

    private static func classify(_ scalar: Unicode.Scalar) -> Class {
        scalar.isASCII ? asciiClasses[Int(scalar.value)] : classifyByProperties(scalar)
    }

    private static func classifyByProperties(_ scalar: Unicode.Scalar) -> Class {
        switch scalar.properties.generalCategory {
        case .uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter: .letter
        case .decimalNumber, .letterNumber, .otherNumber: .number
        default: scalar.properties.isWhitespace ? .space : .other
        }
    }

    func isNewline(_ index: Int) -> Bool { scalars[index] == "\n" || scalars[index] == "\r" }

    func endOfRun(of kind: Class, from start: Int, end: Int) -> Int {
        var index = start
        while index < end, classes[index] == kind { index += 1 }
        return index
    }

    /// `\s+(?!\S)|\s+`: white space gives its last character to the word that follows.
    func endOfSpaces(from start: Int, end: Int) -> Int {
        let next = endOfRun(of: .space, from: start, end: end)
        return next < end && next - start > 1 ? next - 1 : next
    }

    /// The length of `'s`, `'t`, `'re`, `'ve`, `'m`, `'ll` or `'d` at `start`, or nil.
    func contraction(at start: Int, end: Int, ignoringCase: Bool) -> Int? {
        guard scalars[start] == "'", start + 1 < end else { return nil }
        func letter(_ index: Int) -> Unicode.Scalar? {
            guard index < end else { return nil }
            let scalar = scalars[index]
            guard ignoringCase else { return scalar }
            // U+017F, the long s, folds to s.
            if scalar == "\u{17F}" { return "s" }
            return ("A"..."Z").contains(scalar) ? Unicode.Scalar(scalar.value + 32) : scalar
        }
        switch (letter(start + 1), letter(start + 2)) {
        case ("s", _), ("t", _), ("m", _), ("d", _): return 2
        case ("r", "e"), ("v", "e"), ("l", "l"): return 3
        default: return nil
        }
    }
}
