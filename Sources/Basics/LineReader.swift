/// Lines of an open file as they come, a person's or a pipe's.
package struct LineReader {
    /// A stream may have no end, nor a line break in it.
    private static let mostBytes = 1 << 24

    private let file: FileDescriptor
    private var buffer: [UInt8] = []
    private var isAtStart = true
    private var isAtEnd = false

    package init(_ descriptor: Int32 = STDIN_FILENO) { file = FileDescriptor(descriptor) }

    /// The next line without its line break, the first without a byte order mark; nil at the end.
    ///
    /// - Throws: ``SystemError`` where it cannot be read, is longer than 16 MiB, is not UTF-8, or takes long to
    ///   compare.
    package mutating func next() throws(SystemError) -> String? {
        var searched = 0
        while true {
            if let end = buffer[searched...].firstIndex(of: UInt8(ascii: "\n")) {
                defer { buffer.removeFirst(end + 1) }
                return try text(buffer[..<end])
            }
            if isAtEnd {
                defer { buffer = [] }
                return buffer.isEmpty ? nil : try text(buffer[...])
            }
            guard buffer.count <= Self.mostBytes else {
                throw SystemError(code: EFBIG, words: "it has a line of more than 16 MiB")
            }
            searched = buffer.count
            isAtEnd = try file.read(appendingTo: &buffer) == 0
        }
    }

    private mutating func text(_ bytes: ArraySlice<UInt8>) throws(SystemError) -> String {
        var bytes = bytes.last == UInt8(ascii: "\r") ? bytes.dropLast() : bytes
        if isAtStart { bytes = bytes.withoutByteOrderMark }
        isAtStart = false
        guard let text = String(validating: bytes, as: UTF8.self) else { throw SystemError(code: EILSEQ) }
        guard !CombiningMarks.areTooMany(in: bytes) else { throw .tooManyMarks }
        return text
    }
}
