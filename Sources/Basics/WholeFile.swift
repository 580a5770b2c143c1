/// Files that are written whole or not at all.
package enum WholeFile {
    /// Writes `data` to a temporary file beside `url`, which then takes its name and its permissions; makes the folder,
    /// too. A link stays one. A device, a pipe, or the file that standard output goes to is written to.
    ///
    /// - Throws: ``FileWriteError``; what stood there before then stands there still.
    package static func write(_ data: Data, to url: URL) throws(FileWriteError) {
        let files = FileManager.default
        let file = url.resolvingSymlinksInPath()
        var status = stat()
        let exists = stat(url.path, &status) == 0
        guard !exists || status.st_mode & S_IFMT != S_IFDIR else {
            throw FileWriteError(path: url.relativePath, reason: "it is a folder")
        }
        guard exists || (try? files.destinationOfSymbolicLink(atPath: file.path)) == nil else {
            throw FileWriteError(path: url.relativePath, reason: "it is a link to nothing")
        }
        let folder = file.deletingLastPathComponent()
        guard exists || files.isFolder(atPath: folder.path) != false else {
            throw FileWriteError(path: url.relativePath, reason: "\(folder.lastPathComponent) is not a folder")
        }
        do {
            if exists, isStandardOutput(status) { return try FileDescriptor.standardOutput.write(data) }
            if exists, status.st_mode & S_IFMT != S_IFREG {
                let descriptor = open(url.path, O_WRONLY | O_CLOEXEC)
                guard descriptor >= 0 else { throw SystemError.last }
                defer { close(descriptor) }
                return try FileDescriptor(descriptor).write(data)
            }
            try files.createDirectory(at: folder, withIntermediateDirectories: true)
            try data.write(to: file, options: .atomic)
            if exists, chmod(file.path, status.st_mode & 0o7777) != 0 { throw SystemError.last }
        } catch {
            throw FileWriteError(path: url.relativePath, error)
        }
    }

    /// Whether a file of this name is what a killed process was writing.
    package static func isLeftOver(_ name: String) -> Bool { name.hasPrefix(".dat.nosync") }

    /// Writes `value` as JSON for people to read: indented, keys in order.
    package static func write(json value: some Encodable, to url: URL) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        try write(try encoder.encode(value) + Data("\n".utf8), to: url)
    }

    private static func isStandardOutput(_ status: stat) -> Bool {
        var output = stat()
        return fstat(STDOUT_FILENO, &output) == 0 && output.st_dev == status.st_dev && output.st_ino == status.st_ino
    }
}

/// Why a file or folder could not be written.
public struct FileWriteError: Error, Equatable, Sendable, CustomStringConvertible {
    public let path: String
    /// In words.
    public let reason: String

    public init(path: String, reason: String) {
        self.path = path
        self.reason = reason
    }

    /// - Parameter error: the system's, or Foundation's, which wraps it.
    public init(path: String, _ error: any Error) {
        let cause = ((error as? CocoaError)?.underlying as? POSIXError).map { SystemError(code: $0.code.rawValue) }
        self.init(path: path, reason: String(describing: cause ?? error))
    }

    public var description: String { "cannot write \(path): \(reason)" }
}
