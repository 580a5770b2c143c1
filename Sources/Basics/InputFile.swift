/// What a command reads from outside: a file, or a pipe to its end.
package enum InputFile {
    /// What a file of ours holds; nil where there is none.
    ///
    /// - Throws: ``SystemError`` where it is there and cannot be read.
    package static func contentsIfPresent(of url: URL) throws(SystemError) -> Data? {
        do {
            return try contents(of: url)
        } catch {
            guard error.code == ENOENT else { throw error }
            return nil
        }
    }

    /// A device may have no end.
    private static let mostBytes = 1 << 30

    /// - Throws: ``SystemError`` where it cannot be opened or read, or is larger than 1 GiB.
    package static func contents(of url: URL) throws(SystemError) -> Data {
        let descriptor = open(url.path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw .last }
        defer { close(descriptor) }
        var data = Data()
        var buffer = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            let count = read(descriptor, &buffer, buffer.count)
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw .last }
            if count == 0 { return data }
            guard data.count + count <= mostBytes else { throw SystemError(code: EFBIG) }
            data.append(contentsOf: buffer[..<count])
        }
    }
}
