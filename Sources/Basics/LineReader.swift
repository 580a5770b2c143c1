/// Lines of an open file as they come, a person's or a pipe's.
package struct LineReader {
    /// A stream may have no end, nor a line break in it.
    private static let mostBytes = 1 << 24

    private let number: Int32
    private var buffer: [UInt8] = []
    private var isAtEnd = false

    /// Of standard input.
    package init() { number = STDIN_FILENO }

    /// The next line without its line break; nil at the end.
    ///
    /// - Throws: ``SystemError`` where it cannot be read, is longer than 16 MiB, or is not UTF-8.
    package mutating func next() throws(SystemError) -> String? {
        var searched = 0
        while true {
            if let end = buffer[searched...].firstIndex(of: UInt8(ascii: "\n")) {
                defer { buffer.removeFirst(end + 1) }
                return try Self.text(buffer[..<end])
            }
            if isAtEnd {
                defer { buffer = [] }
                return buffer.isEmpty ? nil : try Self.text(buffer[...])
            }
            searched = buffer.count
            try readMore()
        }
    }

    private mutating func readMore() throws(SystemError) {
        var chunk = [UInt8](repeating: 0, count: 1 << 16)
        var count: Int
        repeat { count = read(number, &chunk, chunk.count) } while count < 0 && errno == EINTR
        guard count >= 0 else { throw .last }
        guard buffer.count + count <= Self.mostBytes else { throw SystemError(code: EFBIG) }
        isAtEnd = count == 0
        buffer += chunk[..<count]
    }

    private static func text(_ bytes: ArraySlice<UInt8>) throws(SystemError) -> String {
        let bytes = bytes.last == UInt8(ascii: "\r") ? bytes.dropLast() : bytes
        guard let text = String(validating: bytes, as: UTF8.self) else { throw SystemError(code: EILSEQ) }
        return text
    }
}
