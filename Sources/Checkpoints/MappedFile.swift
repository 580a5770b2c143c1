import Basics

/// A file mapped read-only into memory for as long as this object lives.
public final class MappedFile: @unchecked Sendable {
    public let path: String
    public let bytes: UnsafeRawBufferPointer

    /// - Throws: ``CheckpointError`` with reason `unreadable` where the file cannot be opened or mapped.
    public init(contentsOf url: URL) throws(CheckpointError) {
        let path = url.path
        func failure(_ what: String) -> CheckpointError {
            CheckpointError(.unreadable, file: path, field: "file", detail: "\(what): \(SystemError.last)")
        }
        // Opening a pipe without O_NONBLOCK waits for somebody to write into it.
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else { throw failure("cannot be opened") }
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { throw failure("cannot be examined") }
        guard status.st_mode & S_IFMT == S_IFREG else {
            throw CheckpointError(.unreadable, file: path, field: "file", detail: "is not a regular file")
        }
        let size = Int(status.st_size)
        self.path = path
        if size == 0 {
            bytes = UnsafeRawBufferPointer(start: nil, count: 0)
            return
        }
        guard let address = mmap(nil, size, PROT_READ, MAP_PRIVATE, descriptor, 0), address != MAP_FAILED else {
            throw failure("cannot be mapped")
        }
        bytes = UnsafeRawBufferPointer(start: address, count: size)
    }

    /// Tells the system that the pages of `range` will not be read again soon, so that they do not count as
    /// resident. Reading them later still works.
    public func discardPages(of range: Range<Int>) {
        guard let base = bytes.baseAddress else { return }
        let page = Int(sysconf(Int32(_SC_PAGESIZE)))
        let start = (range.lowerBound + page - 1) / page * page
        let end = range.upperBound / page * page
        guard start < end else { return }
        madvise(UnsafeMutableRawPointer(mutating: base + start), end - start, Int32(MADV_DONTNEED))
    }

    deinit {
        if let base = bytes.baseAddress { munmap(UnsafeMutableRawPointer(mutating: base), bytes.count) }
    }
}
