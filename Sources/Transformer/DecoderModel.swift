import Basics
import Checkpoints
import Tokenizers

/// A decoder-only language model: weights, tokenizer and the threads that run it.
///
/// A model never changes and may be shared by any number of sessions.
public final class DecoderModel: Sendable {
    /// The arithmetic of matrix products over quantised weights, which are packed for it.
    public enum Precision: String, Sendable, CaseIterable, Codable {
        /// Activations rounded to 8 bits in groups of 32, and weights on 8-bit levels: the fast default.
        case int8
        /// Activations in single precision, and the checkpoint's weights as they are: the reference.
        case float32
    }

    public let configuration: ModelConfiguration
    public let tokenizer: Tokenizer
    public let chatTemplate: ChatTemplate
    public let precision: Precision
    public let pool: WorkerPool
    public let layers: [DecoderLayer]
    /// `[vocabulary, width]`.
    public let embedding: PackedMatrix
    /// `[vocabulary, width]`; the embedding itself where the two are tied.
    public let outputHead: PackedMatrix
    /// Finds the most likely token; nil where the output head's type allows no search.
    let outputSearch: LargestOutputSearch?
    let finalNorm: [Float]
    let rotary: RotaryEmbedding
    /// The element type of most of the layers' matrices, as in file names: `Q4_1`.
    public let quantization: String
    /// The number of weights.
    public let parameterCount: Int
    /// Identifies the model's weights: see ``ModelFingerprint``.
    public let fingerprint: ModelFingerprint
    /// How the feed-forward channels are ordered; nil for the checkpoint's order. Whatever speaks of channels or of
    /// their blocks means this order.
    public let channelOrder: ChannelOrder?
    /// The file it was loaded from.
    public let source: URL

    /// Loads a GGUF file and repacks its weights.
    ///
    /// - Parameter channelOrder: how to order the feed-forward channels; nil for the checkpoint's order.
    /// - Throws: ``CheckpointError`` for the file, ``TokenizerError`` for its tokenizer, ``DecoderError`` for
    ///   the machine and for an order that is not one of this model's channels.
    public convenience init(
        contentsOf url: URL, precision: Precision = .int8, threads: Int? = nil, instructionSet: String? = nil,
        channelOrder: ChannelOrder? = nil
    ) throws {
        try self.init(
            try GGUFFile(contentsOf: url), precision: precision,
            pool: try WorkerPool(threads: threads, instructionSet: instructionSet), channelOrder: channelOrder)
    }

    /// Repacks the weights of a file that is open.
    ///
    /// - Parameter pool: the threads that run the model.
    /// - Throws: as ``init(contentsOf:precision:threads:instructionSet:channelOrder:)``.
    public init(
        _ file: GGUFFile, precision: Precision = .int8, pool: WorkerPool, channelOrder: ChannelOrder? = nil
    ) throws {
        configuration = try ModelConfiguration(file)
        tokenizer = try Tokenizer(file)
        guard tokenizer.vocabularySize <= configuration.vocabularySize else {
            throw file.failure(
                .malformed, "tokenizer.ggml.tokens",
                "has \(tokenizer.vocabularySize) tokens, the embedding \(configuration.vocabularySize) rows")
        }
        chatTemplate = ChatTemplate(recognizing: try file.string("tokenizer.chat_template"))
        self.precision = precision
        self.pool = pool
        source = URL(fileURLWithPath: file.file.path)
        self.channelOrder = channelOrder
        try channelOrder?.check(layers: configuration.layers, channels: configuration.feedForwardWidth)
        let (width, vocabulary) = (configuration.width, configuration.vocabularySize)
        let loader = TensorLoader(file, precision, pool)
        let isTied = file.tensor("output.weight") == nil
        embedding = try loader.matrix("token_embd.weight", rows: vocabulary, columns: width, isSearched: isTied)
        outputHead =
            isTied ? embedding : try loader.matrix("output.weight", rows: vocabulary, columns: width, isSearched: true)
        outputSearch = try LargestOutputSearch(outputHead)
        finalNorm = try loader.vector("output_norm.weight", count: width)
        let factors = try loader.optionalVector("rope_freqs.weight", count: configuration.rotaryDimensions / 2)
        if let factors, let bad = factors.first(where: { !($0 > 0 && $0.isFinite) }) {
            throw file.failure(
                .malformed, "rope_freqs.weight", "holds \(bad), expected positive numbers")
        }
        rotary = RotaryEmbedding(configuration, factors: factors)
        var layers: [DecoderLayer] = []
        for index in 0..<configuration.layers {
            layers.append(
                try DecoderLayer(index, loader, configuration, channelOrder: channelOrder?.sources[index]))
        }
        self.layers = layers
        try loader.checkNothingIsLeft()
        quantization = file.quantization
        parameterCount = file.parameterCount
        fingerprint = ModelFingerprint(file, configuration)
    }

    /// The same model loaded anew, with its feed-forward channels in another order.
    ///
    /// - Parameter precision: nil for this model's.
    public func reloaded(precision: Precision? = nil, channelOrder: ChannelOrder?) throws -> DecoderModel {
        try reloading(precision: precision)(channelOrder)
    }

    /// As ``reloaded(precision:channelOrder:)``, for whoever lets go of this model before.
    public func reloading(precision: Precision? = nil) -> (_ channelOrder: ChannelOrder?) throws -> DecoderModel {
        let (source, precision, pool) = (source, precision ?? self.precision, pool)
        return { order in
            try DecoderModel(try GGUFFile(contentsOf: source), precision: precision, pool: pool, channelOrder: order)
        }
    }

    /// Layers whose channels cannot move within a group, because their down projection has a scale for every 16 of
    /// them.
    public var layersOfFixedGroups: Set<Int> { Set(layers.indices.filter { layers[$0].down.hasSplitScales }) }

    /// Bytes of the packed weights.
    public var weightBytes: Int {
        layers.reduce(embedding.byteCount) { $0 + $1.byteCount } + (outputHead === embedding ? 0 : outputHead.byteCount)
    }
}
