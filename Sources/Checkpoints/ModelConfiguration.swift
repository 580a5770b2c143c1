import Basics

/// The hyperparameters of a decoder, read from a checkpoint's metadata and checked.
public struct ModelConfiguration: Sendable, Equatable {
    /// The families of decoders this library runs.
    public enum Architecture: String, Sendable, CaseIterable {
        case llama
        case qwen2
        case qwen3
    }

    public var architecture: Architecture
    /// The name the file gives itself, if any.
    public var name: String?
    public var layers: Int
    /// Model width d.
    public var width: Int
    public var feedForwardWidth: Int
    /// Query heads H in each layer.
    public var heads: Int
    /// Key/value groups G in each layer.
    public var keyValueHeads: Int
    /// d_h.
    public var headSize: Int
    public var vocabularySize: Int
    /// The most positions the model was trained for.
    public var contextLength: Int
    public var normEpsilon: Float
    public var rotaryBase: Double
    /// How many of a head's values are rotated.
    public var rotaryDimensions: Int
    /// Positions are divided by this (linear context extension); 1 where there is none.
    public var rotaryScale: Double

    /// Query heads that share a key/value group.
    public var headsPerGroup: Int { heads / keyValueHeads }

    /// Reads and checks the hyperparameters of a GGUF file.
    public init(_ file: GGUFFile) throws(CheckpointError) {
        let family = try file.required("general.architecture", try file.name("general.architecture"))
        guard let architecture = Architecture(rawValue: family) else {
            let known = Architecture.allCases.map(\.rawValue).joined(separator: ", ")
            throw file.failure(.unsupported, "general.architecture", "is \"\(family)\"; supported are \(known)")
        }
        func count(_ key: String, default fallback: Int? = nil, atMost limit: Int = 1 << 24) throws(CheckpointError)
            -> Int
        {
            let value = try file.required(key, try file.integer(key) ?? fallback)
            guard (1...limit).contains(value) else {
                throw file.failure(.malformed, key, "is \(value), expected 1 to \(limit)")
            }
            return value
        }
        func positive(_ key: String, default fallback: Double? = nil) throws(CheckpointError) -> Double {
            let value = try file.required(key, try file.number(key) ?? fallback)
            guard value > 0, value.isFinite else {
                throw file.failure(.malformed, key, "is \(value), expected a positive number")
            }
            return value
        }
        self.architecture = architecture
        name = try file.string("general.name")
        guard !CombiningMarks.areTooMany(in: (name ?? "").utf8) else {
            throw file.failure(.malformed, "general.name", "has letters with more than a hundred combining marks")
        }
        layers = try count("\(family).block_count", atMost: 4096)
        width = try count("\(family).embedding_length", atMost: 1 << 20)
        feedForwardWidth = try count("\(family).feed_forward_length")
        heads = try count("\(family).attention.head_count", atMost: 4096)
        keyValueHeads = try count("\(family).attention.head_count_kv", default: heads, atMost: 4096)
        contextLength = try count("\(family).context_length")
        guard heads % keyValueHeads == 0 else {
            throw file.failure(
                .malformed, "\(family).attention.head_count_kv",
                "is \(keyValueHeads), which does not divide \(heads) heads")
        }
        headSize = try count("\(family).attention.key_length", default: max(1, width / heads), atMost: 512)
        guard try file.integer("\(family).attention.value_length") ?? headSize == headSize else {
            throw file.failure(
                .unsupported, "\(family).attention.value_length", "differs from the key length \(headSize)")
        }
        normEpsilon = Float(try positive("\(family).attention.layer_norm_rms_epsilon"))
        rotaryBase = try positive("\(family).rope.freq_base", default: 10000)
        rotaryDimensions = try count("\(family).rope.dimension_count", default: headSize)
        guard rotaryDimensions % 2 == 0, rotaryDimensions <= headSize else {
            throw file.failure(
                .malformed, "\(family).rope.dimension_count",
                "is \(rotaryDimensions), expected an even number up to \(headSize)")
        }
        // Files from before there were several types of scaling hold a factor alone.
        let scaling = try file.name("\(family).rope.scaling.type") ?? "linear"
        switch scaling {
        case "none": rotaryScale = 1
        case "linear":
            let (factor, former) = ("\(family).rope.scaling.factor", "\(family).rope.scale_linear")
            rotaryScale = try positive(file.metadata[factor] == nil ? former : factor, default: 1)
        default:
            throw file.failure(
                .unsupported, "\(family).rope.scaling.type", "is \"\(scaling)\"; supported are none, linear")
        }
        if let experts = try file.integer("\(family).expert_count"), experts > 0 {
            throw file.failure(.unsupported, "\(family).expert_count", "mixture-of-experts models are not supported")
        }
        vocabularySize = try file.requiredTensor("token_embd.weight").rows
    }
}
