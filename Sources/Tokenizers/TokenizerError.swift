/// Why a tokenizer could not be built.
public enum TokenizerError: Error, Equatable, Sendable, CustomStringConvertible {
    /// The pre-tokenizer's name is not one this library has.
    case unknownPreTokenizer(String)
    /// The vocabulary contradicts itself; the text says how.
    case malformedVocabulary(String)

    public var description: String {
        switch self {
        case .unknownPreTokenizer(let name):
            let known = PreTokenizer.allCases.map(\.rawValue).joined(separator: ", ")
            return "pre-tokenizer \"\(name)\" is not supported; supported are \(known)"
        case .malformedVocabulary(let detail):
            return "the tokenizer's vocabulary is malformed: \(detail)"
        }
    }
}
