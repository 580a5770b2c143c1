/// Files of one JSON value a line.
package enum JSONLines {
    /// One line with its keys in order.
    package static func encode(_ value: some Encodable) throws -> Data {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return try encoder.encode(value) + Data("\n".utf8)
    }

    /// The lines of a file that are not blank, with their numbers from 1 on: one by one, as there may be many.
    package static func lines(of data: Data) -> some Sequence<(number: Int, text: Data)> {
        var (rest, number) = (data[...], 0)
        return AnyIterator {
            while !rest.isEmpty {
                let end = rest.firstIndex(of: UInt8(ascii: "\n")) ?? rest.endIndex
                let line = rest[..<end]
                rest = rest[end...].dropFirst()
                number += 1
                if !line.allSatisfy({ $0 == 0x20 || $0 == 0x0d || $0 == 0x09 }) { return (number, Data(line)) }
            }
            return nil
        }
    }
}
