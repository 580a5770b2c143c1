/// An open file of the system's.
package struct FileDescriptor: Sendable {
    package static let standardOutput = FileDescriptor(STDOUT_FILENO)
    package static let standardError = FileDescriptor(STDERR_FILENO)

    private let number: Int32

    package init(_ number: Int32) { self.number = number }

    /// Adds what the system has at once, at most 64 KiB, to the end of `bytes`.
    /// Returns how many there were: none at the end.
    ///
    /// - Throws: `SystemError` where it cannot be read.
    package func read(appendingTo bytes: inout some RangeReplaceableCollection<UInt8>) throws(SystemError) -> Int {
        var chunk = [UInt8](repeating: 0, count: 1 << 16)
        var count: Int
        repeat { count = Basics.read(number, &chunk, chunk.count) } while count < 0 && errno == EINTR
        guard count >= 0 else { throw .last }
        bytes.append(contentsOf: chunk[..<count])
        return count
    }

    /// Writes all of `bytes`, however often the system stops in between.
    ///
    /// - Throws: `SystemError` where the system takes no more of them; some may be written.
    package func write(_ bytes: some ContiguousBytes) throws(SystemError) {
        let failure: SystemError? = bytes.withUnsafeBytes { bytes in
            var left = bytes[...]
            while !left.isEmpty {
                let count = Basics.write(number, UnsafeRawBufferPointer(rebasing: left).baseAddress, left.count)
                if count < 0, errno == EINTR { continue }
                guard count > 0 else { return .last }
                left = left.dropFirst(count)
            }
            return nil
        }
        if let failure { throw failure }
    }
}

/// Why the system refused.
package struct SystemError: Error, CustomStringConvertible {
    package let code: Int32
    private let words: String?

    /// - Parameter words: what is wrong; nil for what the system says of the code.
    package init(code: Int32, words: String? = nil) {
        self.code = code
        self.words = words
    }

    /// That of the call that failed just now.
    package static var last: SystemError { SystemError(code: errno) }

    /// See ``CombiningMarks``.
    static let tooManyMarks = SystemError(
        code: EINVAL, words: "it has letters with more than a hundred combining marks")

    /// In words.
    package var description: String { words ?? String(cString: strerror(code)) }
}
