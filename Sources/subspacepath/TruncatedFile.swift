import Basics

/// A model file is mapped: where somebody cuts it short while it is read, as a download that starts over does, the
/// system ends the process by a signal.
enum TruncatedFile {
    private static let message: StaticString = "Error: a model file became shorter while it was read; start again\n"

    /// Says so from now on, with the status of an error.
    static func explain() {
        _ = signal(SIGBUS) { _ in
            // Only what is safe in a handler.
            _ = write(STDERR_FILENO, TruncatedFile.message.utf8Start, TruncatedFile.message.utf8CodeUnitCount)
            _exit(EXIT_FAILURE)
        }
    }
}
