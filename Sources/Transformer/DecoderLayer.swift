import Checkpoints

/// The weights of one decoder layer.
///
///     r = x + O attention(norm(x));   y = r + down(silu(gate norm(r)) * up norm(r))
public final class DecoderLayer: @unchecked Sendable {
    public let attentionNorm: [Float]
    /// `[heads * headSize, width]`, a block of rows for each head.
    public let query: PackedMatrix
    public let key: PackedMatrix
    public let value: PackedMatrix
    /// `[width, heads * headSize]`: head h reads the columns h * headSize ..< (h + 1) * headSize.
    public let output: PackedMatrix
    /// Qwen 2 adds a bias to queries, keys and values; padded like the matrices' outputs.
    let queryBias: AlignedBuffer<Float>?
    let keyBias: AlignedBuffer<Float>?
    let valueBias: AlignedBuffer<Float>?
    /// Qwen 3 norms every query and key before it is rotated, `[headSize]`.
    let queryNorm: AlignedBuffer<Float>?
    let keyNorm: AlignedBuffer<Float>?
    public let feedForwardNorm: [Float]
    public let gate: PackedMatrix
    public let up: PackedMatrix
    public let down: PackedMatrix

    /// - Parameter channelOrder: the checkpoint's channel in each place of the feed-forward; nil for its own order.
    init(
        _ index: Int, _ loader: TensorLoader, _ configuration: ModelConfiguration, channelOrder: [Int]? = nil
    ) throws {
        let prefix = "blk.\(index)."
        let (width, headSize) = (configuration.width, configuration.headSize)
        let queryRows = configuration.heads * headSize
        let groupRows = configuration.keyValueHeads * headSize
        // llama files store the rows of queries and keys with rotary pairs side by side; those of Qwen do not.
        let pairs = configuration.architecture == .llama ? configuration.rotaryDimensions / 2 : 0
        attentionNorm = try loader.vector(prefix + "attn_norm.weight", count: width)
        query = try loader.matrix(
            prefix + "attn_q.weight", rows: queryRows, columns: width, blockRows: headSize, rotaryPairs: pairs)
        key = try loader.matrix(
            prefix + "attn_k.weight", rows: groupRows, columns: width, blockRows: headSize, rotaryPairs: pairs)
        value = try loader.matrix(prefix + "attn_v.weight", rows: groupRows, columns: width, blockRows: headSize)
        output = try loader.matrix(
            prefix + "attn_output.weight", rows: width, columns: queryRows, blockColumns: headSize)
        queryBias = try loader.headBias(prefix + "attn_q.bias", of: query, rotaryPairs: pairs)
        keyBias = try loader.headBias(prefix + "attn_k.bias", of: key, rotaryPairs: pairs)
        valueBias = try loader.headBias(prefix + "attn_v.bias", of: value, rotaryPairs: 0)
        func headNorm(_ name: String) throws -> AlignedBuffer<Float>? {
            guard configuration.architecture == .qwen3 else { return nil }
            return try AlignedBuffer(loader.vector(prefix + name, count: headSize), for: prefix + name)
        }
        queryNorm = try headNorm("attn_q_norm.weight")
        keyNorm = try headNorm("attn_k_norm.weight")
        feedForwardNorm = try loader.vector(prefix + "ffn_norm.weight", count: width)
        let channels = configuration.feedForwardWidth
        let rows = FeedForwardLayout(width: channels).rows(of: channelOrder ?? Array(0..<channels))
        gate = try loader.matrix(prefix + "ffn_gate.weight", rows: channels, columns: width, rowOrder: rows)
        up = try loader.matrix(prefix + "ffn_up.weight", rows: channels, columns: width, rowOrder: rows)
        // Who orders channels is going to leave blocks of them out. A tile that is read whole is read in one run:
        // halves of groups that lie apart take a third longer.
        let leavesOutBlocks = channelOrder != nil && channels % Pathway.blockChannels == 0
        down = try loader.matrix(
            prefix + "ffn_down.weight", rows: width, columns: channels,
            blockColumns: leavesOutBlocks ? Pathway.blockChannels : nil,
            columnOrder: channelOrder?.map(Int32.init))
        if down.hasSplitScales, let channelOrder, !ChannelOrder.keepsHalves(channelOrder) {
            throw DecoderError.channelOrder("layer \(index) has scales that hold its channels in their halves")
        }
    }

    var byteCount: Int {
        [query, key, value, output, gate, up, down].reduce(0) { $0 + $1.byteCount }
    }
}
