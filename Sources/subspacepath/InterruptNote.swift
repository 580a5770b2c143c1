import Basics

/// What to say when somebody stops long work by Ctrl-C or `kill`: that it can go on.
enum InterruptNote {
    /// Lives as long as the process: a signal may come at any time.
    nonisolated(unsafe) private static var note: (text: UnsafeMutablePointer<CChar>, length: Int)?

    /// From now on. The signal then ends the process as it would have.
    static func set(_ text: String) {
        // Below what a terminal shows of the progress and the keys.
        guard note == nil, let copy = strdup("\n\(text)\n") else { return }
        note = (copy, strlen(copy))
        for number in [SIGINT, SIGTERM] {
            let before = signal(number) { number in
                // Only what is safe in a handler.
                if let note = InterruptNote.note { _ = write(STDERR_FILENO, note.text, note.length) }
                _ = signal(number, SIG_DFL)
                raise(number)
            }
            // As a shell starts what runs in its background.
            if unsafeBitCast(before, to: Int.self) == unsafeBitCast(SIG_IGN, to: Int.self) {
                _ = signal(number, SIG_IGN)
            }
        }
    }
}
