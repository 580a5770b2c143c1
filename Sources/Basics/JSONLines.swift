/// Files of one JSON value a line.
package enum JSONLines {
    /// One line with its keys in order.
    package static func encode(_ value: some Encodable) throws -> Data {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return try encoder.encode(value) + Data("\n".utf8)
    }

    /// The lines of a file that are not blank, with their numbers from 1 on.
    package static func lines(of data: Data) -> [(number: Int, text: Data)] {
        data.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false).enumerated()
            .filter { !$0.element.allSatisfy { $0 == 0x20 || $0 == 0x0d || $0 == 0x09 } }
            .map { (number: $0.offset + 1, text: Data($0.element)) }
    }
}
