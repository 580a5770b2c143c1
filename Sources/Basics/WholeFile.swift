/// Files that are written whole or not at all.
package enum WholeFile {
    /// Writes `data` to a temporary file beside `url`, which then takes its name; makes the folder, too. A link stays one, and
    /// a device or a pipe is written to.
    ///
    /// - Throws: ``FileWriteError``; what stood there before then stands there still.
    package static func write(_ data: Data, to url: URL) throws(FileWriteError) {
        let files = FileManager.default
        let file = url.resolvingSymlinksInPath()
        let type = (try? files.attributesOfItem(atPath: file.path))?[.type] as? FileAttributeType
        guard type != .typeDirectory else { throw FileWriteError(path: url.relativePath, reason: "it is a folder") }
        guard type != .typeSymbolicLink else {
            throw FileWriteError(path: url.relativePath, reason: "it is a link to nothing")
        }
        let folder = file.deletingLastPathComponent()
        guard files.isFolder(atPath: folder.path) != false else {
            throw FileWriteError(path: url.relativePath, reason: "\(folder.lastPathComponent) is not a folder")
        }
        do {
            if type != nil, type != .typeRegular {
                let descriptor = open(file.path, O_WRONLY | O_CLOEXEC)
                guard descriptor >= 0 else { throw SystemError.last }
                defer { close(descriptor) }
                return try FileDescriptor(descriptor).write(data)
            }
            try files.createDirectory(at: folder, withIntermediateDirectories: true)
            try data.write(to: file, options: .atomic)
        } catch {
            throw FileWriteError(path: url.relativePath, error)
        }
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
