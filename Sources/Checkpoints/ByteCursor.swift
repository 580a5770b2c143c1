/// Reads little-endian values from a file's bytes, checking every length before it is used.
struct ByteCursor {
    let file: MappedFile
    private(set) var offset = 0

    init(_ file: MappedFile) {
        self.file = file
    }

    var remaining: Int { file.bytes.count - offset }

    func error(_ reason: CheckpointError.Reason, _ field: String, _ detail: String) -> CheckpointError {
        CheckpointError(reason, file: file.path, field: field, detail: detail)
    }

    /// Reads one integer or floating-point number of `field`.
    mutating func read<Value: BitwiseCopyable>(_: Value.Type, _ field: String) throws(CheckpointError) -> Value {
        let size = MemoryLayout<Value>.size
        guard size <= remaining else {
            throw error(.truncated, field, "needs \(size) bytes at offset \(offset), the file has \(remaining) left")
        }
        defer { offset += size }
        return file.bytes.loadUnaligned(fromByteOffset: offset, as: Value.self)
    }

    /// Reads a 64-bit count of things that take at least `size` bytes each.
    mutating func readCount(ofSize size: Int, _ field: String) throws(CheckpointError) -> Int {
        let count = try read(UInt64.self, field)
        guard count <= UInt64(remaining / size) else {
            throw error(.truncated, field, "claims \(count) entries, the file has \(remaining) bytes left")
        }
        return Int(count)
    }

    /// Reads a string preceded by its 64-bit length, without copying its bytes.
    mutating func readBytes(_ field: String) throws(CheckpointError) -> UnsafeRawBufferPointer {
        let count = try readCount(ofSize: 1, field)
        defer { offset += count }
        return UnsafeRawBufferPointer(rebasing: file.bytes[offset..<offset + count])
    }

    mutating func readString(_ field: String) throws(CheckpointError) -> String {
        guard let string = String(validating: try readBytes(field), as: UTF8.self) else {
            throw error(.malformed, field, "is not valid UTF-8")
        }
        return string
    }

    /// Reads the name of something: at most `longest` visible characters of ASCII.
    ///
    /// Names are compared and shown. Hashing a long run of combining marks takes time in the square of its length, and
    /// control characters act on a terminal.
    mutating func readName(_ field: String, atMost longest: Int) throws(CheckpointError) -> String {
        let bytes = try readBytes(field)
        guard bytes.count <= longest, bytes.allSatisfy({ 0x20 <= $0 && $0 <= 0x7e }) else {
            throw error(.malformed, field, "is not at most \(longest) visible characters of ASCII")
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}
