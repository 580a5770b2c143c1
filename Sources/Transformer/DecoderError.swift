/// Why a decoder could not run.
public enum DecoderError: Error, Equatable, Sendable, CustomStringConvertible {
    /// The text and its continuation need more positions than the model or the session has.
    case contextExceeded(needed: Int, limit: Int)
    /// A token id outside the vocabulary.
    case unknownToken(Int, vocabularySize: Int)
    /// There is nothing to process.
    case emptyInput
    /// A pathway for a model of another shape.
    case pathwayMismatch(expected: String, found: String)
    /// An order of channels that does not fit the model, or a pathway of another order than the model's.
    case channelOrder(String)
    /// The worker threads could not be started.
    case noWorkers(String)
    /// What the model computes are no numbers.
    case notANumber
    /// The machine has too little memory.
    case outOfMemory(String)

    public var description: String {
        switch self {
        case .contextExceeded(let needed, let limit):
            "the text needs \(needed) positions, the context has \(limit); shorten it"
        case .unknownToken(let id, let size):
            "token \(id) is not in the vocabulary of \(size) tokens"
        case .emptyInput:
            "there is no text to process"
        case .pathwayMismatch(let expected, let found):
            "the pathway does not fit the model: expected \(expected), found \(found)"
        case .channelOrder(let detail):
            "the order of the feed-forward channels does not fit: \(detail)"
        case .noWorkers(let detail):
            "cannot start worker threads: \(detail)"
        case .notANumber:
            "what the model computes is not a number: its weights, or the pathway's biases, are damaged"
        case .outOfMemory(let what):
            "out of memory for \(what)"
        }
    }
}
