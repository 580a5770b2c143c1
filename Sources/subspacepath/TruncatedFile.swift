import Basics

/// A model file is mapped: where it cannot be read any more, because its disk failed or somebody cut it short, as a
/// download that starts over does, the system ends the process by a signal.
enum TruncatedFile {
    private static let message: StaticString =
        "Error: the model file became shorter while it was read, or its disk failed\n"

    /// Says so from now on, with the status of an error.
    static func explain() {
        _ = signal(SIGBUS) { _ in
            // Only what is safe in a handler.
            _ = write(STDERR_FILENO, TruncatedFile.message.utf8Start, TruncatedFile.message.utf8CodeUnitCount)
            _exit(EXIT_FAILURE)
        }
    }
}
