import Foundation
import Transformer

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

/// Standard output for results, standard error for everything else.
enum Console {
    static let errorIsTerminal = isatty(STDERR_FILENO) == 1

    static func warn(_ messages: [String]) {
        for message in messages { note((errorIsTerminal ? "\u{1B}[33mwarning:\u{1B}[0m " : "warning: ") + message) }
    }

    /// A line on standard error.
    static func note(_ message: String) {
        FileHandle.standardError.write(Data((message + "\n").utf8))
    }

    /// Text on standard output, at once.
    static func write(_ text: String) {
        FileHandle.standardOutput.write(Data(text.utf8))
    }

    static func printJSON(_ value: some Encodable) throws {
        write(String(decoding: try encode(value), as: UTF8.self))
    }

    /// One line of JSON with its keys in order.
    static func encode(_ value: some Encodable) throws -> Data {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return try encoder.encode(value) + Data("\n".utf8)
    }
}

/// Progress of long work on standard error, with the time left. On a terminal one line is redrawn; elsewhere a
/// line appears every ten seconds.
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
        guard now - lastShown > (Console.errorIsTerminal ? .milliseconds(200) : .seconds(10)) else { return }
        lastShown = now
        let elapsed = (now - start).inSeconds
        let left = elapsed / Double(max(done - before, 1)) * Double(total - done)
        let text = "\(title): \(done) of \(total), \(Self.format(left)) left"
        FileHandle.standardError.write(Data((Console.errorIsTerminal ? "\r\u{1B}[K" + text : text + "\n").utf8))
        shown = true
    }

    func finish() {
        if shown, Console.errorIsTerminal { FileHandle.standardError.write(Data("\r\u{1B}[K".utf8)) }
    }

    static func format(_ seconds: Double) -> String {
        let whole = Int(seconds.rounded(.up))
        return whole < 60 ? "\(whole) s" : "\(whole / 60) min \(whole % 60) s"
    }
}
