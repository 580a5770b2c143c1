import Basics

/// What a run writes down line by line.
public protocol RunRecord: Codable, Sendable {
    /// The file of such records in a run's folder.
    static var fileName: String { get }
    /// What a line is, for messages: "a turn's result".
    static var kind: String { get }
}

/// The log of answered turns.
public typealias ResultsLog = RecordLog<TurnResult>
/// The log of compiled pathways.
public typealias PathwayLog = RecordLog<PathwayRecord>

/// A file of one JSON line for each record, on disk as soon as the record is there.
public final class RecordLog<Record: RunRecord> {
    public static var fileName: String { Record.fileName }

    private let path: String
    private let descriptor: Int32
    /// For as long as the log is open: lines of two runs would break each other.
    private let lock: FileLock

    /// Opens the log in `directory` to append to, and hands back what it holds. A last line that a killed run left half
    /// written is cut off.
    public static func resume(in directory: URL) throws -> (log: RecordLog, earlier: [Record]) {
        let log = try RecordLog(path: directory.appending(path: fileName).path)
        let (earlier, whole) = try records(in: directory)
        guard ftruncate(log.descriptor, off_t(whole)) == 0, lseek(log.descriptor, 0, SEEK_END) >= 0 else {
            throw EvaluationError.cannotWrite(file: log.path, detail: SystemError.last.description)
        }
        return (log, earlier)
    }

    /// The whole lines of the log in `directory`, and nothing where there is no log.
    public static func read(in directory: URL) throws -> [Record] { try records(in: directory).records }

    /// The records of whole lines, and how many bytes those are.
    private static func records(in directory: URL) throws -> (records: [Record], bytes: Int) {
        let url = directory.appending(path: fileName)
        let data = try EvaluationError.contentsIfPresent(of: url) ?? Data()
        let whole = data.lastIndex(of: UInt8(ascii: "\n")).map { $0 + 1 } ?? 0
        let decoder = JSONDecoder()
        var records: [Record] = []
        for (number, line) in JSONLines.lines(of: data[..<whole]) {
            guard let record = try? decoder.decode(Record.self, from: line) else {
                throw EvaluationError.malformed(file: url.path, detail: "line \(number) is not \(Record.kind)")
            }
            records.append(record)
        }
        return (records, whole)
    }

    private init(path: String) throws(EvaluationError) {
        self.path = path
        descriptor = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else { throw .cannotWrite(file: path, detail: SystemError.last.description) }
        do {
            lock = try FileLock(path)
        } catch {
            close(descriptor)
            guard error is FileLock.Taken else { throw .cannotWrite(file: path, detail: "\(error)") }
            throw .unusableRun(
                folder: URL(fileURLWithPath: path).deletingLastPathComponent().relativePath,
                detail: "another run is writing there; wait for it, or choose another --name")
        }
    }

    /// Appends a line and hands it to the system before returning. A line that does not fit is taken back whole.
    public func append(_ record: Record) throws {
        let line = try JSONLines.encode(record)
        let start = lseek(descriptor, 0, SEEK_CUR)
        do throws(SystemError) {
            try FileDescriptor(descriptor).write(line)
        } catch {
            _ = ftruncate(descriptor, start)
            lseek(descriptor, start, SEEK_SET)
            throw EvaluationError.cannotWrite(file: path, detail: error.description)
        }
        fsync(descriptor)
    }

    deinit { close(descriptor) }
}
