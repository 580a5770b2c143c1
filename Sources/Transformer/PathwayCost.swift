import Checkpoints

/// The arithmetic and the memory traffic of a model along a pathway, counted from its shapes.
public struct PathwayCost: Sendable, Equatable {
    /// Multiply-adds of the layers' matrix products for one token.
    public let layers: Int
    /// Multiply-adds of the output head for one token.
    public let outputHead: Int
    /// Multiply-adds of attention for one token and each position it sees, itself among them.
    public let attentionPerPosition: Int
    /// Of these, what the last layer does beside keys and values: a prompt takes it for its last token alone.
    private let lastLayer: Int
    private let lastAttentionPerPosition: Int
    /// Bytes of weights that one token reads, where the next one is the most likely: see
    /// ``InferenceSession/likeliestToken(after:)``.
    public let weightBytes: Int
    /// Bytes of keys and values that each position takes.
    public let cacheBytesPerPosition: Int

    /// Multiply-adds for each token of a query head: its queries' rows and its output's columns.
    package static func head(_ configuration: ModelConfiguration) -> Int {
        2 * configuration.headSize * configuration.width
    }

    /// Those of a key/value group: the rows of its keys and values.
    package static func group(_ configuration: ModelConfiguration) -> Int {
        2 * configuration.headSize * configuration.width
    }

    /// Those of a feed-forward channel: its gate's and up's rows and its down's columns.
    package static func channel(_ configuration: ModelConfiguration) -> Int { 3 * configuration.width }

    /// - Parameter pathway: nil for the dense model.
    public init(_ model: DecoderModel, along pathway: Pathway? = nil) {
        let configuration = model.configuration
        let (width, headSize) = (configuration.width, configuration.headSize)
        let pathway = pathway ?? .dense(layers: configuration.layers, heads: configuration.heads)
        var layers = 0
        var attention = 0
        var (lastLayer, lastAttention) = (0, 0)
        var weightBytes = model.outputSearch?.byteCount ?? model.outputHead.byteCount
        var cached = 0
        for (index, layer) in model.layers.enumerated() {
            let kept = pathway.keptHeads[index]
            let groups = Set(kept.map { $0 / configuration.headsPerGroup }).count
            lastLayer = kept.count * Self.head(configuration)
            lastAttention = 2 * kept.count * headSize
            let channels =
                pathway.keptBlocks.map { blocks in
                    blocks[index].reduce(0) { sum, block in
                        sum
                            + Pathway.channels(ofBlock: block, feedForwardWidth: configuration.feedForwardWidth).count
                    }
                } ?? configuration.feedForwardWidth
            lastLayer += channels * Self.channel(configuration)
            layers += lastLayer + groups * Self.group(configuration)
            attention += lastAttention
            weightBytes += (layer.query.byteCount + layer.output.byteCount) * kept.count / configuration.heads
            weightBytes += (layer.key.byteCount + layer.value.byteCount) * groups / configuration.keyValueHeads
            weightBytes +=
                (layer.gate.byteCount + layer.up.byteCount + layer.down.byteCount) * channels
                / configuration.feedForwardWidth
            cached += groups * KeyValueCache.bytesPerPosition(model, headStride: layer.key.blockStride)
        }
        self.layers = layers
        self.lastLayer = lastLayer
        lastAttentionPerPosition = lastAttention
        outputHead = configuration.vocabularySize * width
        attentionPerPosition = attention
        self.weightBytes = weightBytes
        cacheBytesPerPosition = cached
    }

    /// Multiply-adds of the matrix products for one token whose logits are wanted.
    public var perToken: Int { layers + outputHead }

    /// The share of `dense`'s multiply-adds for each token that this does not do.
    public func removed(from dense: PathwayCost) -> Double { 1 - Double(perToken) / Double(dense.perToken) }

    /// Multiply-adds of the layers' matrix products for a prompt of `tokens` tokens.
    public func promptLayers(_ tokens: Int) -> Double {
        Double(layers) * Double(tokens) - Double(lastLayer) * Double(tokens - 1)
    }

    /// Multiply-adds of reading a prompt of `tokens` tokens, with the logits of the last.
    public func prompt(_ tokens: Int) -> Double {
        let pairs = Double(tokens) * Double(tokens + 1) / 2
        return promptLayers(tokens) + Double(outputHead) + Double(attentionPerPosition) * pairs
            - Double(lastAttentionPerPosition) * (pairs - Double(tokens))
    }

    /// Multiply-adds of one token, with its logits, after `positions` others.
    public func token(after positions: Double) -> Double {
        Double(layers + outputHead) + Double(attentionPerPosition) * (positions + 1)
    }

    /// Bytes read for one token after `positions` others.
    public func bytes(after positions: Double) -> Double {
        Double(weightBytes) + Double(cacheBytesPerPosition) * positions
    }
}
