import CKernels
import Checkpoints

/// One text being read or written by a model along a pathway. It owns its key/value cache.
///
/// A session belongs to one task at a time; a model may have many sessions.
public final class InferenceSession {
    public let model: DecoderModel
    /// The most positions this session takes.
    public let contextLimit: Int
    /// Tokens processed so far.
    public internal(set) var position = 0

    private var plan: PathwayPlan
    /// How many layers have read the text's tokens; nil for none.
    private var layersRead: Int?
    /// Whether the cache was made for every key/value group.
    private let isDense: Bool
    /// Tokens for which all logits are computed because a search for the largest has read most weights.
    private var tokensWithoutSearch = 0
    let cache: KeyValueCache
    let workspace: DecoderWorkspace

    /// - Parameters:
    ///   - pathway: which heads run; nil for all.
    ///   - contextLimit: the most positions; nil for what the model was trained for.
    public init(_ model: DecoderModel, along pathway: Pathway? = nil, contextLimit: Int? = nil) throws(DecoderError) {
        let configuration = model.configuration
        self.model = model
        isDense = pathway == nil
        self.contextLimit = min(contextLimit ?? configuration.contextLength, configuration.contextLength)
        plan = try Self.plan(pathway, model)
        workspace = try DecoderWorkspace(model)
        cache = KeyValueCache(plan, model, headStride: workspace.headStride, limit: self.contextLimit)
    }

    /// Bytes of the key/value cache at this point.
    public var cacheBytes: Int { cache.byteCount }

    /// Forgets the text and follows another pathway from now on; nil for the dense model. The memory stays.
    ///
    /// - Precondition: the session was made for the dense model, so that its cache has room for every group.
    public func follow(_ pathway: Pathway?) throws(DecoderError) {
        precondition(isDense, "only a session of the dense model may change its pathway")
        plan = try Self.plan(pathway, model)
        reset()
    }

    private static func plan(_ pathway: Pathway?, _ model: DecoderModel) throws(DecoderError) -> PathwayPlan {
        let (layers, heads) = (model.configuration.layers, model.configuration.heads)
        return try PathwayPlan(pathway ?? .dense(layers: layers, heads: heads), for: model)
    }

    /// Forgets the text; the memory stays for the next one.
    public func reset() {
        rewind(to: 0)
        tokensWithoutSearch = 0
        layersRead = nil
    }

    /// Forgets what follows the first `position` tokens, so that another continuation can be read from there.
    ///
    /// - Precondition: `0 <= position <= self.position`.
    public func rewind(to position: Int) {
        precondition((0...self.position).contains(position), "a session rewinds to a position it has passed")
        self.position = position
    }

    /// Processes `tokens` and returns the logits that follow the last one, `[vocabulary]`.
    ///
    /// - Throws: ``DecoderError``; `CancellationError` where the surrounding task is cancelled.
    public func logits(after tokens: [Int]) throws -> [Float] { try withLogits(after: tokens) { Array($0) } }

    /// Processes `tokens` and hands `body` the logits that follow the last one, `[vocabulary]`, valid during the call.
    ///
    /// - Throws: as ``logits(after:)``, and what `body` throws.
    public func withLogits<Result>(
        after tokens: [Int], _ body: (UnsafeBufferPointer<Float>) throws -> Result
    ) throws -> Result {
        var result: Result?
        try process(tokens, wanted: .last) { _, _ in
            try computeLogits(of: 0..<1) { _, logits in result = try body(logits) }
        }
        return result!
    }

    /// Processes `tokens` and returns the most likely token after the last one, the first of several, with its logit,
    /// which is no finite number where the logits are none.
    ///
    /// It is the one that all logits say, but most of them are not computed to the last digit: a fifth of an output
    /// head of Q8_0 is not read.
    ///
    /// - Throws: as ``logits(after:)``.
    public func likeliestToken(after tokens: [Int]) throws -> (token: Int, logit: Float) {
        var result: (token: Int, logit: Float)?
        try process(tokens, wanted: .last) { _, _ in result = findLikeliestToken() }
        return result!
    }

    /// The logits that follow each of `tokens`, handed to `body` one by one with the token's index.
    public func forEachLogits(after tokens: [Int], _ body: (Int, UnsafeBufferPointer<Float>) throws -> Void) throws {
        try process(tokens, wanted: .all) { start, count in
            try computeLogits(of: 0..<count) { try body(start + $0, $1) }
        }
    }

    /// Processes `tokens` and returns the means of what flowed through each layer. What does not run is zero.
    ///
    /// - Parameters:
    ///   - kinds: what to take the means of.
    ///   - layers: only these, the first ones, run; nil for all.
    /// - Throws: as ``logits(after:)``.
    /// - Precondition: `layers` is at least 1, and as many have read the text so far.
    public func taps(over tokens: [Int], of kinds: MeanTaps.Kinds, layers: Int? = nil) throws -> MeanTaps {
        var taps: MeanTaps? = MeanTaps(kinds, model.configuration)
        try process(tokens, wanted: .none, layers: layers, tapping: &taps) { _, _ in }
        let result = taps!
        guard result.isFinite(layer: min(layers ?? model.layers.count, model.layers.count) - 1) else {
            throw DecoderError.notANumber
        }
        return result
    }

    /// The tokens whose final hidden states are wanted.
    private enum WantedTokens {
        case none, last, all
    }

    private func process(
        _ tokens: [Int], wanted: WantedTokens, _ body: (_ start: Int, _ count: Int) throws -> Void
    ) throws {
        var unused: MeanTaps?
        try process(tokens, wanted: wanted, tapping: &unused, body)
    }

    /// - Parameter body: called where the hidden states of `count` wanted tokens, from the index `start` on, are the
    ///   first rows of the residual stream.
    private func process(
        _ tokens: [Int], wanted: WantedTokens, layers: Int? = nil, tapping taps: inout MeanTaps?,
        _ body: (_ start: Int, _ count: Int) throws -> Void
    ) throws {
        guard !tokens.isEmpty else { throw DecoderError.emptyInput }
        try checkVocabulary(tokens)
        guard tokens.count <= contextLimit - position else {
            throw DecoderError.contextExceeded(needed: position + tokens.count, limit: contextLimit)
        }
        try cache.reserve(position + tokens.count)
        try workspace.reserve(positions: position + tokens.count)
        let depth = min(layers ?? model.layers.count, model.layers.count)
        precondition(position == 0 || layersRead == depth, "a text goes on through the layers that have read it")
        layersRead = depth
        var start = 0
        while start < tokens.count {
            try Task.checkCancellation()
            let batch = Array(tokens[start..<min(start + workspace.batch, tokens.count)])
            for (token, id) in batch.enumerated() {
                model.embedding.copyRow(id, to: workspace.residual(ofToken: token))
            }
            switch wanted {
            case .none:
                runLayers(0..<depth, tokens: batch.count, tapping: &taps, endingWithAttention: taps?.channels == nil)
                position += batch.count
            case .all:
                runLayers(0..<model.layers.count, tokens: batch.count, tapping: &taps)
                position += batch.count
                try body(start, batch.count)
            case .last:
                runLayers(0..<model.layers.count - 1, tokens: batch.count, tapping: &taps)
                let isLast = start + batch.count == tokens.count
                finishLayers(tokens: batch.count, wantingLast: isLast)
                if isLast { try body(tokens.count - 1, 1) }
            }
            start += batch.count
        }
    }

    /// The last layer for a batch of which the last token's output is wanted, or none at all: of the other tokens it
    /// takes only what the cache keeps. The output stands where the batch's first token was.
    private func finishLayers(tokens: Int, wantingLast: Bool) {
        let w = workspace
        let index = model.layers.count - 1
        let others = wantingLast ? tokens - 1 : tokens
        if others > 0 {
            cacheKeysAndValues(index, tokens: others)
            position += others
        }
        guard wantingLast else { return }
        if others > 0 {
            w.residual.pointer.update(
                from: UnsafePointer(w.residual(ofToken: others)), count: w.residualStride)
            writeRotations(tokens: 1)
        }
        attend(index, tokens: 1)
        feedForward(index, tokens: 1, keepsChannels: false)
        position += 1
    }

    /// - Throws: ``DecoderError/unknownToken(_:vocabularySize:)`` for a token that the model has no embedding of.
    func checkVocabulary(_ tokens: [Int]) throws(DecoderError) {
        let vocabulary = model.configuration.vocabularySize
        if let bad = tokens.first(where: { !(0..<vocabulary).contains($0) }) {
            throw .unknownToken(bad, vocabularySize: vocabulary)
        }
    }

    /// Brings the residual stream of a batch, in the workspace, through some of the layers.
    ///
    /// - Parameter endingWithAttention: whether nobody wants what the last of them does after its attention.
    func runLayers(
        _ layers: Range<Int>, tokens: Int, tapping taps: inout MeanTaps?, endingWithAttention: Bool = false
    ) {
        let w = workspace
        writeRotations(tokens: tokens)
        for index in layers {
            attend(index, tokens: tokens)
            taps?.addAttention(index, heads: w.heads, residual: w.residual, stride: w.residualStride, tokens: tokens)
            if endingWithAttention && index == layers.upperBound - 1 { break }
            feedForward(index, tokens: tokens, keepsChannels: taps?.channels != nil)
            taps?.addFeedForward(index, channels: w.inner, tokens: tokens)
        }
        taps?.tokenCount += tokens
    }

    /// The rotations of the next `tokens` positions, for every layer's attention.
    private func writeRotations(tokens: Int) {
        model.rotary.write(
            first: position, count: tokens, cosines: workspace.cosines.pointer, sines: workspace.sines.pointer)
    }

    /// r = x + O attention(norm(x)) + bias
    private func attend(_ index: Int, tokens: Int) {
        let (layer, path) = (model.layers[index], plan.layers[index])
        let w = workspace
        guard !path.groups.isEmpty else {
            w.clear(heads: path.prunedHeads, tokens: tokens)
            addBias(path.bias, tokens: tokens)
            return
        }
        w.normalize(layer.attentionNorm, epsilon: model.configuration.normEpsilon, tokens: tokens)
        w.multiply(
            [w.product(layer.query, tiles: path.queryTiles, into: w.queries, bias: layer.queryBias)]
                + keysAndValues(layer, path), w.normed, tokens: tokens)
        w.attend(attention(index, tokens: tokens))
        w.clear(heads: path.prunedHeads, tokens: tokens)
        w.quantizeHeads(tokens: tokens)
        w.multiply(
            [w.product(layer.output, columns: path.outputColumns, into: w.residual, bias: path.bias, accumulate: true)],
            w.heads, tokens: tokens)
    }

    /// What `attend` leaves in the cache, and nothing else.
    private func cacheKeysAndValues(_ index: Int, tokens: Int) {
        let (layer, path) = (model.layers[index], plan.layers[index])
        guard !path.groups.isEmpty else { return }
        workspace.normalize(layer.attentionNorm, epsilon: model.configuration.normEpsilon, tokens: tokens)
        workspace.multiply(keysAndValues(layer, path), workspace.normed, tokens: tokens)
        workspace.append(attention(index, tokens: tokens))
    }

    private func keysAndValues(_ layer: DecoderLayer, _ path: PathwayPlan.Layer) -> [DecoderWorkspace.Product] {
        [
            workspace.product(layer.key, tiles: path.keyValueTiles, into: workspace.keys, bias: layer.keyBias),
            workspace.product(layer.value, tiles: path.keyValueTiles, into: workspace.values, bias: layer.valueBias),
        ]
    }

    private func attention(_ index: Int, tokens: Int) -> DecoderWorkspace.Attention {
        let layer = model.layers[index]
        return DecoderWorkspace.Attention(
            groups: plan.layers[index].groups.map { group in
                let store = cache.stores[index][group.index]!
                return sp_attention_group(
                    keys: store.keys, values: store.values, index: Int32(group.index),
                    heads: group.heads.pointer, head_count: Int32(group.heads.count))
            },
            queryStride: layer.query.outputStride, keyStride: layer.key.outputStride, queryNorm: layer.queryNorm,
            keyNorm: layer.keyNorm, position: position, tokens: tokens, format: cache.format)
    }

    private func addBias(_ bias: AlignedBuffer<Float>?, tokens: Int) {
        guard let bias else { return }
        for token in 0..<tokens {
            let x = workspace.residual(ofToken: token)
            for i in 0..<bias.count { x[i] += bias.pointer[i] }
        }
    }

    /// y = r + down(silu(gate norm(r)) * up norm(r)) + bias
    private func feedForward(_ index: Int, tokens: Int, keepsChannels: Bool) {
        let (layer, path) = (model.layers[index], plan.layers[index].feedForward)
        let w = workspace
        if keepsChannels, !path.isWhole { w.clearChannels(tokens: tokens) }
        guard !path.isEmpty else { return addBias(path.bias, tokens: tokens) }
        w.normalize(layer.feedForwardNorm, epsilon: model.configuration.normEpsilon, tokens: tokens)
        w.multiplyGated(
            layer, columns: path.columns, tokens: tokens, keepsValues: keepsChannels || !layer.down.takesIntegers)
        w.multiply(
            [w.product(layer.down, columns: path.columns, into: w.residual, bias: path.bias, accumulate: true)],
            w.inner, tokens: tokens)
    }

    /// The output head's input, of `tokens` of the batch's tokens from `fromToken` on.
    func normalizeFinal(tokens: Int, fromToken: Int = 0) {
        workspace.normalize(
            model.finalNorm, epsilon: model.configuration.normEpsilon, tokens: tokens, fromToken: fromToken,
            into: workspace.finalInput)
    }

    /// The most likely token after the batch's first one.
    private func findLikeliestToken() -> (token: Int, logit: Float) {
        guard let search = model.outputSearch, tokensWithoutSearch == 0 else {
            tokensWithoutSearch = max(0, tokensWithoutSearch - 1)
            var result = (token: 0, logit: Float.nan)
            computeLogits(of: 0..<1) { _, logits in
                let token = LogitSampler.largest(logits)
                result = (token, logits[token])
            }
            return result
        }
        normalizeFinal(tokens: 1)
        let found = workspace.largest(search)
        if found.shareComputed > Self.mostComputed { tokensWithoutSearch = Self.pauseOfSearch }
        return (found.row, found.output)
    }

    /// The share of the vocabulary from which on a search reads more than it saves, and for how many tokens it is not
    /// tried again then: a text that is hard to predict often stays so.
    private static let mostComputed = 0.2
    private static let pauseOfSearch = 15

    /// Hands `body` the logits of the batch's tokens `range`, `[vocabulary]` each, valid during the call.
    private func computeLogits(
        of range: Range<Int>, _ body: (Int, UnsafeBufferPointer<Float>) throws -> Void
    ) rethrows {
        let w = workspace
        for first in stride(from: range.lowerBound, to: range.upperBound, by: w.logitsBatch) {
            let count = min(w.logitsBatch, range.upperBound - first)
            normalizeFinal(tokens: count, fromToken: first)
            w.multiply([w.product(model.outputHead, into: w.logits)], w.finalInput, tokens: count)
            for token in 0..<count {
                let logits = w.logits.pointer + token * model.outputHead.outputStride
                try body(first + token, UnsafeBufferPointer(start: logits, count: model.configuration.vocabularySize))
            }
        }
    }
}
