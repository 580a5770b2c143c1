import Basics

/// The records of comma-separated values, as RFC 4180 has them: fields may stand in double quotes, may then hold
/// commas, line breaks and doubled quotes.
enum CommaSeparatedValues {
    struct Record: Equatable {
        /// The line, from 1, that the record starts on.
        let line: Int
        var fields: [String]
    }

    /// Of one record.
    private static let mostFields = 1000

    /// What is wrong, and on which line.
    struct Malformed: Error {
        let line: Int
        let detail: String
    }

    /// Hands `body` one record after the other, as there may be many, until it wants no more.
    ///
    /// - Parameters:
    ///   - bytes: UTF-8; empty lines are skipped.
    ///   - body: returns whether to go on; what follows is not looked at where it does not.
    /// - Throws: ``Malformed``, and what `body` throws.
    static func forEachRecord(of bytes: Data, _ body: (Record) throws -> Bool) throws {
        enum State {
            case fieldStart, plain, quoted, quoteEnded
        }
        var (line, start) = (1, 1)
        var state = State.fieldStart
        var fields: [String] = []
        var field: [UInt8] = []
        var quoteLine = 1

        func endField() throws(Malformed) {
            guard let text = String(validating: field, as: UTF8.self) else {
                throw Malformed(line: start, detail: "is not UTF-8")
            }
            guard fields.count < mostFields else {
                throw Malformed(line: start, detail: "has more than \(mostFields) fields")
            }
            fields.append(text)
            field = []
            state = .fieldStart
        }
        func endRecord() throws -> Bool {
            if fields.isEmpty, field.isEmpty, state == .fieldStart { return true }
            try endField()
            defer { fields = [] }
            return try body(Record(line: start, fields: fields))
        }
        for byte in bytes {
            if state == .quoted {
                if byte == UInt8(ascii: "\"") {
                    state = .quoteEnded
                } else {
                    if byte == UInt8(ascii: "\n") { line += 1 }
                    field.append(byte)
                }
                continue
            }
            switch byte {
            case UInt8(ascii: "\n"):
                guard try endRecord() else { return }
                line += 1
                start = line
            case UInt8(ascii: "\r"): break
            case UInt8(ascii: ","): try endField()
            case UInt8(ascii: "\""):
                switch state {
                case .fieldStart:
                    quoteLine = line
                    state = .quoted
                case .quoteEnded:
                    field.append(byte)
                    state = .quoted
                // Not RFC 4180, but what spreadsheets write and read: a quote inside an unquoted field.
                case .plain, .quoted: field.append(byte)
                }
            default:
                guard state != .quoteEnded else {
                    throw Malformed(line: line, detail: "has text after a closing quote")
                }
                state = .plain
                field.append(byte)
            }
        }
        guard state != .quoted else { throw Malformed(line: quoteLine, detail: "opens a quote that is never closed") }
        _ = try endRecord()
    }
}
