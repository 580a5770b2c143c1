import Foundation

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

/// A file of one JSON line for each turn, on disk as soon as the turn is answered.
public final class ResultsLog {
    public static let fileName = "turns.jsonl"

    private let path: String
    private let descriptor: Int32

    /// Opens `<directory>/turns.jsonl` to append to, and hands back what it holds. A last line that a killed run
    /// left half written is cut off.
    public static func resume(in directory: URL) throws -> (log: ResultsLog, earlier: [TurnResult]) {
        let url = directory.appending(path: fileName)
        let data = FileManager.default.contents(atPath: url.path) ?? Data()
        let whole = data.lastIndex(of: UInt8(ascii: "\n")).map { $0 + 1 } ?? 0
        var earlier: [TurnResult] = []
        for (index, line) in data[..<whole].split(separator: UInt8(ascii: "\n")).enumerated() {
            guard let result = try? JSONDecoder().decode(TurnResult.self, from: Data(line)) else {
                throw EvaluationError.malformed(file: url.path, detail: "line \(index + 1) is not a turn's result")
            }
            earlier.append(result)
        }
        let log = try ResultsLog(path: url.path)
        guard ftruncate(log.descriptor, off_t(whole)) == 0, lseek(log.descriptor, 0, SEEK_END) >= 0 else {
            throw log.failure()
        }
        return (log, earlier)
    }

    private init(path: String) throws(EvaluationError) {
        self.path = path
        descriptor = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else { throw failure() }
    }

    private func failure() -> EvaluationError {
        .cannotWrite(file: path, detail: String(cString: strerror(errno)))
    }

    /// Appends a line and hands it to the system before returning. A line that does not fit is taken back whole.
    public func append(_ result: TurnResult) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        let line = try encoder.encode(result) + Data("\n".utf8)
        let start = lseek(descriptor, 0, SEEK_CUR)
        var written = 0
        while written < line.count {
            let count = line.withUnsafeBytes { write(descriptor, $0.baseAddress! + written, line.count - written) }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else {
                let error = failure()
                _ = ftruncate(descriptor, start)
                lseek(descriptor, start, SEEK_SET)
                throw error
            }
            written += count
        }
        fsync(descriptor)
    }

    deinit { if descriptor >= 0 { close(descriptor) } }
}
