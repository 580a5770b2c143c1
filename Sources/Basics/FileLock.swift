/// A file or folder that this process has to itself, among those that ask, until the lock is gone or the process ends.
package final class FileLock {
    private let descriptor: Int32

    /// - Throws: ``SystemError`` where it cannot be opened, or ``Taken`` where another process has it.
    package init(_ path: String) throws {
        // A file on another machine is locked by those who may write it; a folder is not opened to be written.
        var descriptor = open(path, O_RDWR | O_CLOEXEC)
        if descriptor < 0, errno == EISDIR { descriptor = open(path, O_RDONLY | O_CLOEXEC) }
        guard descriptor >= 0 else { throw SystemError.last }
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
            let error = SystemError.last
            close(descriptor)
            if error.code == EWOULDBLOCK { throw Taken() }
            throw error
        }
        self.descriptor = descriptor
    }

    package struct Taken: Error {}

    deinit { close(descriptor) }
}
