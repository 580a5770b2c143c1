import Foundation

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

/// Files that are written whole or not at all.
public enum WholeFile {
    /// Writes `data` to a temporary file beside `url`, which then takes its name; makes the folder, too. A link stays one, and
    /// a device or a pipe is written to.
    ///
    /// - Throws: ``FileWriteError``; what stood there before then stands there still.
    public static func write(_ data: Data, to url: URL) throws(FileWriteError) {
        let files = FileManager.default
        let file = url.resolvingSymlinksInPath()
        let type = (try? files.attributesOfItem(atPath: file.path))?[.type] as? FileAttributeType
        guard type != .typeDirectory else { throw FileWriteError(path: url.relativePath, reason: "it is a folder") }
        guard type != .typeSymbolicLink else {
            throw FileWriteError(path: url.relativePath, reason: "it is a link to nothing")
        }
        let folder = file.deletingLastPathComponent()
        var isFolder: ObjCBool = false
        if files.fileExists(atPath: folder.path, isDirectory: &isFolder), !isFolder.boolValue {
            throw FileWriteError(path: url.relativePath, reason: "\(folder.lastPathComponent) is not a folder")
        }
        do {
            if type != nil, type != .typeRegular {
                let handle = try FileHandle(forWritingTo: file)
                try handle.write(contentsOf: data)
                return try handle.close()
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

    /// - Parameter error: of Foundation, which wraps the system's.
    public init(path: String, _ error: any Error) {
        let cause = (error as? CocoaError)?.userInfo[NSUnderlyingErrorKey] as? POSIXError
        self.init(
            path: path, reason: cause.map { String(cString: strerror($0.code.rawValue)) } ?? error.localizedDescription)
    }

    public var description: String { "cannot write \(path): \(reason)" }
}
