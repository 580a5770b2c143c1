import Basics

/// Why a checkpoint file was refused.
public struct CheckpointError: Error, Equatable, Sendable, CustomStringConvertible {
    public enum Reason: Equatable, Sendable {
        /// The file cannot be opened or mapped.
        case unreadable
        /// The file is not of the expected format, or of a version this library does not read.
        case wrongFormat
        /// A length, offset or count reaches past the end of the file.
        case truncated
        /// A value is not allowed by the format.
        case malformed
        /// A key or tensor that the model needs is not there.
        case missing
        /// The file is valid but asks for something this library does not do.
        case unsupported
        /// The machine has too little memory for it.
        case outOfMemory
    }

    public let reason: Reason
    /// The file's path.
    public let file: String
    /// The header field, metadata key or tensor at fault.
    public let field: String
    /// What was expected and what was found.
    public let detail: String

    public init(_ reason: Reason, file: String, field: String, detail: String) {
        self.reason = reason
        self.file = file
        self.field = field
        self.detail = detail
    }

    /// Without control characters: parts of it come from the file.
    public var description: String { "\(file): \(field): \(detail)".printable }
}
