import Basics
import Checkpoints

/// Tells one model file from another: artifacts made for one are refused by another.
///
/// It covers the hyperparameters, every tensor's name, shape and type, and a sample of every tensor's bytes, so
/// that it takes milliseconds where a digest of the whole file would take seconds.
public struct ModelFingerprint: Sendable, Hashable, Codable, CustomStringConvertible {
    /// Sixteen hexadecimal digits.
    public let description: String

    /// - Parameter configuration: the file's.
    public init(_ file: GGUFFile, _ configuration: ModelConfiguration) {
        var hash = FNV1a()
        for (name, value) in Self.hyperparameters(configuration) { hash.combine("\(name)=\(value)\n".utf8) }
        for tensor in file.tensors {
            hash.combine("\(tensor.name) \(tensor.dimensions) \(tensor.type)".utf8)
            let bytes = file.bytes(of: tensor)
            hash.combine(bytes.prefix(64))
            hash.combine(bytes[(bytes.count / 2)...].prefix(64))
            hash.combine(bytes.suffix(64))
            file.file.discardPages(of: tensor.range)
        }
        description = hash.hexadecimal
    }

    /// Named here, so that a fingerprint does not follow how the code spells them.
    package static func hyperparameters(_ configuration: ModelConfiguration) -> [(name: String, value: String)] {
        [
            ("architecture", configuration.architecture.rawValue),
            ("name", configuration.name ?? ""),
            ("layers", "\(configuration.layers)"),
            ("width", "\(configuration.width)"),
            ("feedForwardWidth", "\(configuration.feedForwardWidth)"),
            ("heads", "\(configuration.heads)"),
            ("keyValueHeads", "\(configuration.keyValueHeads)"),
            ("headSize", "\(configuration.headSize)"),
            ("vocabularySize", "\(configuration.vocabularySize)"),
            ("contextLength", "\(configuration.contextLength)"),
            ("normEpsilon", "\(configuration.normEpsilon)"),
            ("rotaryBase", "\(configuration.rotaryBase)"),
            ("rotaryDimensions", "\(configuration.rotaryDimensions)"),
            ("rotaryScale", "\(configuration.rotaryScale)"),
        ]
    }

    public init(from decoder: any Decoder) throws {
        description = try decoder.singleValueContainer().decode(String.self)
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(description)
    }
}
