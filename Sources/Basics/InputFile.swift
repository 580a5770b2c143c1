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

    /// - Parameter allowingPipes: whether it may be something else than a regular file: opening a pipe waits for who
    ///   writes into it.
    /// - Throws: ``SystemError`` where it cannot be opened or read, is larger than 1 GiB, or holds text that takes long
    ///   to compare.
    package static func contents(of url: URL, allowingPipes: Bool = false) throws(SystemError) -> Data {
        let descriptor = open(url.path, O_RDONLY | O_CLOEXEC | (allowingPipes ? 0 : O_NONBLOCK))
        guard descriptor >= 0 else { throw .last }
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { throw .last }
        // A folder says what it is when it is read.
        guard allowingPipes || [S_IFREG, S_IFDIR].contains(status.st_mode & S_IFMT) else {
            throw SystemError(code: EINVAL, words: "it is not a regular file")
        }
        let data = try readToEnd(FileDescriptor(descriptor))
        guard !CombiningMarks.areTooMany(in: data) else { throw .tooManyMarks }
        return data
    }

    private static func readToEnd(_ file: FileDescriptor) throws(SystemError) -> Data {
        var data = Data()
        while try file.read(appendingTo: &data) > 0 {
            guard data.count <= mostBytes else { throw SystemError(code: EFBIG) }
        }
        return data
    }
}

extension Collection<UInt8> {
    /// Without the byte order mark that some editors put first.
    package var withoutByteOrderMark: SubSequence { starts(with: [0xef, 0xbb, 0xbf]) ? dropFirst(3) : self[...] }
}
