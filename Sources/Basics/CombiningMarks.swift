/// Runs of combining marks. The standard library compares and hashes strings in normal form, which takes time in the
/// square of the length of such a run: text from outside must not have long ones.
package enum CombiningMarks {
    /// More than any writing system or ornament puts on one letter.
    private static let mostInARun = 100

    /// Whether UTF-8 text, or JSON in which marks may be escaped, has a run that is too long.
    package static func areTooMany(in bytes: some Sequence<UInt8>) -> Bool {
        var run = 0
        var escape = EscapedScalar()
        var scalar = UTF8Scalar()
        for byte in bytes {
            if byte < 0x80 {
                scalar = UTF8Scalar()
                switch escape.next(byte) {
                case .incomplete: break
                case .scalar(let value): run = isMark(value) ? run + 1 : 0
                case .none: run = 0
                }
            } else {
                escape = EscapedScalar()
                if let value = scalar.next(byte) { run = isMark(value) ? run + 1 : 0 }
            }
            if run > mostInARun { return true }
        }
        return false
    }

    /// The text without the marks of a run beyond those that are not too many: a model may write any.
    package static func shortened(_ text: String) -> String {
        guard areTooMany(in: text.utf8) else { return text }
        var run = 0
        return String(
            String.UnicodeScalarView(
                text.unicodeScalars.filter { scalar in
                    run = isMark(scalar.value) ? run + 1 : 0
                    return run <= mostInARun
                }))
    }

    private static func isMark(_ value: UInt32) -> Bool {
        // There are none before these.
        guard value >= 0x300, let scalar = Unicode.Scalar(value) else { return false }
        return scalar.properties.canonicalCombiningClass != .notReordered
    }

    /// A scalar of several bytes; bytes that are no UTF-8 make none.
    private struct UTF8Scalar {
        private var value: UInt32 = 0
        private var left = 0

        mutating func next(_ byte: UInt8) -> UInt32? {
            switch byte {
            case 0xf0...: (value, left) = (UInt32(byte & 0x07), 3)
            case 0xe0...: (value, left) = (UInt32(byte & 0x0f), 2)
            case 0xc0...: (value, left) = (UInt32(byte & 0x1f), 1)
            default:
                guard left > 0 else { return nil }
                value = value << 6 | UInt32(byte & 0x3f)
                left -= 1
                if left == 0 { return value }
            }
            return nil
        }
    }

    /// `\uXXXX`, two of them for what has no place in 16 bits.
    private struct EscapedScalar {
        enum Step {
            /// So far it may be one.
            case incomplete
            case scalar(UInt32)
            case none
        }

        private var place = 0
        private var unit: UInt32 = 0
        private var high: UInt32?

        mutating func next(_ byte: UInt8) -> Step {
            switch place {
            case 0 where byte == UInt8(ascii: "\\"):
                place = 1
                return .incomplete
            case 1 where byte == UInt8(ascii: "u"):
                (place, unit) = (2, 0)
                return .incomplete
            case 2...5:
                guard let digit = Character(Unicode.Scalar(byte)).hexDigitValue else { break }
                unit = unit << 4 | UInt32(digit)
                place += 1
                guard place == 6 else { return .incomplete }
                place = 0
                if unit & 0xfc00 == 0xd800 {
                    high = unit
                    return .incomplete
                }
                defer { high = nil }
                guard let high, unit & 0xfc00 == 0xdc00 else { return .scalar(unit) }
                return .scalar(0x10000 + (high & 0x3ff) << 10 + unit & 0x3ff)
            default: break
            }
            self = EscapedScalar()
            return .none
        }
    }
}
