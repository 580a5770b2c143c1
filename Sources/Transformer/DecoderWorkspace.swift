import CKernels
import Checkpoints

/// The buffers that a batch of tokens passes through, and the kernels' calls on them.
final class DecoderWorkspace {
    /// The most tokens of one batch: enough to use each weight often, few enough to stay in the caches.
    let batch: Int
    /// The most tokens whose logits are computed together: one register block.
    let logitsBatch = 8
    /// Floats from one head to the next in queries, keys and values: the head size padded to 16.
    let headStride: Int
    let residualStride: Int

    /// `[rows][residualStride]`: this and the others have a row for each token of a batch, see `sp_token_row`.
    let residual: AlignedBuffer<Float>
    let normed: ActivationBuffer
    let queries: AlignedBuffer<Float>
    let keys: AlignedBuffer<Float>
    let values: AlignedBuffer<Float>
    /// Attention outputs before the output projection, `[rows][heads * headSize]`.
    let heads: ActivationBuffer
    /// What each thread computes of gate and up before it joins them.
    private let gated: AlignedBuffer<Float>
    /// Channels before the down projection. Its floats are written only where they are wanted.
    let inner: ActivationBuffer
    let finalInput: ActivationBuffer
    let logits: AlignedBuffer<Float>
    private let likeliest: LargestOutputSearch.Scratch
    /// `[batch][rotary pairs]`
    let cosines: AlignedBuffer<Float>
    let sines: AlignedBuffer<Float>

    /// Parts of attention over long texts, see `sp_attention`.
    private var partials: AlignedBuffer<Float>

    private let pool: OpaquePointer
    private let configuration: ModelConfiguration
    private let rotaryPairs: Int

    init(_ model: DecoderModel) throws(DecoderError) {
        let configuration = model.configuration
        let layer = model.layers[0]
        self.configuration = configuration
        pool = model.pool.pointer
        batch = min(256, configuration.contextLength)
        rotaryPairs = model.rotary.pairs
        headStride = layer.query.blockStride
        residualStride = max(layer.output.outputStride, layer.down.outputStride)
        let quantized = model.precision == .int8
        let purpose = "activations"
        residual = try AlignedBuffer(rowsOf: batch, stride: residualStride, for: purpose)
        normed = try ActivationBuffer(width: configuration.width, tokens: batch, quantized: quantized)
        queries = try AlignedBuffer(rowsOf: batch, stride: layer.query.outputStride, for: purpose)
        keys = try AlignedBuffer(rowsOf: batch, stride: layer.key.outputStride, for: purpose)
        values = try AlignedBuffer(rowsOf: batch, stride: layer.value.outputStride, for: purpose)
        heads = try ActivationBuffer(
            width: configuration.heads * configuration.headSize, tokens: batch, quantized: quantized)
        gated = try AlignedBuffer(count: model.pool.threads * sp_gated_scratch(Int32(batch)), for: purpose)
        inner = try ActivationBuffer(width: configuration.feedForwardWidth, tokens: batch, quantized: quantized)
        finalInput = try ActivationBuffer(width: configuration.width, tokens: logitsBatch, quantized: quantized)
        logits = try AlignedBuffer(count: logitsBatch * model.outputHead.outputStride, for: "logits")
        likeliest = try LargestOutputSearch.Scratch(model.outputHead)
        partials = try AlignedBuffer(count: 0, for: purpose)
        cosines = try AlignedBuffer(count: batch * rotaryPairs, for: purpose)
        sines = try AlignedBuffer(count: batch * rotaryPairs, for: purpose)
    }

    /// The residual stream of a batch's token.
    func residual(ofToken token: Int) -> UnsafeMutablePointer<Float> {
        residual.row(ofToken: token, stride: residualStride)
    }

    /// A matrix and where its product goes; pointers stay valid for as long as this workspace and the model.
    func product(
        _ matrix: PackedMatrix, tiles: AlignedBuffer<Int32>? = nil, columns: PathwayPlan.Columns = .all,
        into output: AlignedBuffer<Float>, bias: AlignedBuffer<Float>? = nil, accumulate: Bool = false
    ) -> Product {
        Product(
            matrix: matrix, tiles: tiles, columns: columns, output: output,
            stride: output === residual ? residualStride : matrix.outputStride, bias: bias, accumulate: accumulate)
    }

    struct Product {
        let matrix: PackedMatrix
        let tiles: AlignedBuffer<Int32>?
        let columns: PathwayPlan.Columns
        let output: AlignedBuffer<Float>
        let stride: Int
        let bias: AlignedBuffer<Float>?
        let accumulate: Bool
    }

    /// Computes products of one input in one parallel step.
    func multiply(_ products: [Product], _ input: ActivationBuffer, tokens: Int) {
        withUnsafeTemporaryAllocation(of: sp_matrix.self, capacity: products.count) { matrices in
            withUnsafeTemporaryAllocation(of: sp_product.self, capacity: products.count) { steps in
                for (index, product) in products.enumerated() {
                    matrices.initializeElement(at: index, to: product.matrix.matrix)
                    steps.initializeElement(
                        at: index,
                        to: sp_product(
                            matrix: UnsafePointer(matrices.baseAddress! + index), tiles: product.tiles?.pointer,
                            tile_count: Int32(product.tiles?.count ?? 0), columns: product.columns.pointers,
                            output: product.output.pointer,
                            output_stride: product.stride, bias: product.bias?.pointer, accumulate: product.accumulate))
                }
                var activations = input.activations(tokens)
                sp_multiply(pool, steps.baseAddress, Int32(products.count), &activations, Int32(tokens))
            }
        }
    }

    /// The row of the largest output of `finalInput`'s first token, as ``LargestOutputSearch`` finds it.
    func largest(_ search: LargestOutputSearch) -> (row: Int, output: Float, shareComputed: Double) {
        search.largest(finalInput, outputs: logits, likeliest, on: pool)
    }

    /// RMS norm (Zhang and Sennrich, 2019) of the residual stream.
    func normalize(
        _ weight: [Float], epsilon: Float, tokens: Int, fromToken: Int = 0, into destination: ActivationBuffer? = nil
    ) {
        var activations = (destination ?? normed).activations(tokens)
        sp_rms_norm(
            pool, residual(ofToken: fromToken), residualStride, Int32(tokens), weight,
            Int32(weight.count), epsilon, &activations)
    }

    /// Makes room for attention over `positions` positions.
    func reserve(positions: Int) throws(DecoderError) {
        let needed = sp_attention_partials(Int32(positions), Int32(configuration.heads), Int32(headStride))
        guard needed > partials.count else { return }
        partials = try AlignedBuffer(count: max(needed, 2 * partials.count), for: "attention")
    }

    /// One layer's attention over a batch.
    struct Attention {
        let groups: [sp_attention_group]
        let queryStride: Int
        let keyStride: Int
        /// Norms of every query and key, or nil.
        let queryNorm: AlignedBuffer<Float>?
        let keyNorm: AlignedBuffer<Float>?
        /// Of the batch's first token.
        let position: Int
        let tokens: Int
        let format: sp_cache_format
    }

    /// Appends the batch's keys and values to the cache, then attends from its queries.
    func attend(_ attention: Attention) { withAttention(attention) { sp_attend(pool, $0) } }

    /// Appends the batch's keys and values to the cache alone.
    func append(_ attention: Attention) { withAttention(attention) { sp_append(pool, $0) } }

    private func withAttention(_ attention: Attention, _ body: (UnsafePointer<sp_attention>) -> Void) {
        attention.groups.withUnsafeBufferPointer { groups in
            var parameters = sp_attention(
                queries: queries.pointer, query_stride: attention.queryStride, keys: keys.pointer,
                values: values.pointer, key_stride: attention.keyStride, cosines: cosines.pointer,
                sines: sines.pointer, pairs: Int32(rotaryPairs), query_norm: attention.queryNorm?.pointer,
                key_norm: attention.keyNorm?.pointer, norm_epsilon: configuration.normEpsilon,
                output: heads.pointer, output_stride: heads.stride, tokens: Int32(attention.tokens),
                first_position: Int32(attention.position),
                head_size: Int32(configuration.headSize), head_stride: Int32(headStride),
                scale: 1 / Float(configuration.headSize).squareRoot(), format: attention.format,
                groups: groups.baseAddress, group_count: Int32(groups.count), partials: partials.pointer)
            body(&parameters)
        }
    }

    /// Writes zeros over the outputs that another layer left behind: a group of 32 columns may span heads.
    func clear(heads pruned: [Int], tokens: Int) {
        let size = configuration.headSize
        for token in 0..<tokens {
            for head in pruned {
                (heads.row(token) + head * size).update(repeating: 0, count: size)
            }
        }
    }

    /// Writes zeros over the channels that another layer left behind.
    func clearChannels(tokens: Int) { inner.clearValues(tokens: tokens) }

    func quantizeHeads(tokens: Int) {
        var activations = heads.activations(tokens)
        sp_quantize(pool, &activations, Int32(tokens))
    }

    /// silu(gate) * up of the channels in `columns`, into `inner`.
    ///
    /// - Parameter keepsValues: whether more than the next product's integers is wanted of them.
    func multiplyGated(_ layer: DecoderLayer, columns: PathwayPlan.Columns, tokens: Int, keepsValues: Bool) {
        withUnsafePointer(to: layer.gate.matrix) { gate in
            withUnsafePointer(to: layer.up.matrix) { up in
                var product = sp_gated_product(
                    gate: gate, up: up, layout: FeedForwardLayout(width: configuration.feedForwardWidth).halves,
                    columns: columns.pointers, scratch: gated.pointer, keeps_values: keepsValues)
                var (input, destination) = (normed.activations(tokens), inner.activations(tokens))
                sp_multiply_gated(pool, &product, &input, Int32(tokens), &destination)
            }
        }
    }
}
