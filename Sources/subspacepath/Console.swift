import Basics

/// Standard output for results, standard error for everything else.
enum Console {
    static let errorIsTerminal = isatty(STDERR_FILENO) == 1

    /// Opens what a shell has closed (`>&-`): a file of ours would have that number otherwise, and take what is
    /// printed.
    static func occupyStandardDescriptors() {
        // For reading alone, so that writing fails as it would.
        for number in [STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO] where fcntl(number, F_GETFD) < 0 {
            _ = open("/dev/null", O_RDONLY)
        }
    }

    /// Whether standard error is a terminal that moves its cursor and wants colours (see no-color.org).
    private static let isColored: Bool = {
        let environment = ProcessInfo.processInfo.environment
        return errorIsTerminal && environment["NO_COLOR", default: ""].isEmpty && environment["TERM"] != "dumb"
    }()

    static func warn(_ messages: [String]) {
        for message in messages { note((isColored ? "\u{1B}[33mwarning:\u{1B}[0m " : "warning: ") + message) }
    }

    /// A line on standard error.
    static func note(_ message: String) {
        writeError(message + "\n")
    }

    /// Text on standard output, at once. Where it cannot go there, as on a full disk, the command ends.
    static func write(_ text: String) {
        do throws(SystemError) {
            try FileDescriptor.standardOutput.write(Array(text.utf8))
        } catch {
            note("Error: cannot write standard output: \(error)")
            exit(EXIT_FAILURE)
        }
    }

    /// A line on standard output.
    static func print(_ line: String) { write(line + "\n") }

    /// Text on standard error, at once. Where even that is closed there is nobody left to tell.
    static func writeError(_ text: String) { try? FileDescriptor.standardError.write(Array(text.utf8)) }

    static func printJSON(_ value: some Encodable) throws {
        write(String(decoding: try JSONLines.encode(value), as: UTF8.self))
    }
}

/// Progress of long work on standard error, with the time left. On a terminal one line is redrawn; elsewhere a
/// line appears after two seconds and then every ten.
final class ProgressLine {
    private let clock = ContinuousClock()
    private let start: ContinuousClock.Instant
    private var lastShown: ContinuousClock.Instant
    private var shown = false
    /// What an earlier run had done: it took none of this one's time.
    private var doneBefore: Int?
    private let title: String

    init(_ title: String) {
        self.title = title
        start = clock.now
        lastShown = start
    }

    func update(done: Int, total: Int) {
        let now = clock.now
        let before = doneBefore ?? max(done - 1, 0)
        doneBefore = before
        let pause: Duration = Console.errorIsTerminal ? .milliseconds(200) : shown ? .seconds(10) : .seconds(2)
        guard now - lastShown > pause else { return }
        lastShown = now
        let elapsed = (now - start).inSeconds
        let left = elapsed / Double(max(done - before, 1)) * Double(total - done)
        let text = "\(title): \(done) of \(total), \(Self.format(left)) left"
        Console.writeError(Console.errorIsTerminal ? "\r\u{1B}[K" + text : text + "\n")
        shown = true
    }

    func finish() {
        if shown, Console.errorIsTerminal { Console.writeError("\r\u{1B}[K") }
        shown = false
    }

    static func format(_ seconds: Double) -> String {
        let whole = Int(seconds.rounded(.up))
        return whole < 60 ? "\(whole) s" : "\(whole / 60) min \(whole % 60) s"
    }
}
