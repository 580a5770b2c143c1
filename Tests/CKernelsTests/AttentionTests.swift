import CKernels
import Foundation
import Testing

/// One layer's attention over a text, read in batches of any sizes.
private struct AttentionCase {
    var headSize: Int
    var headsPerGroup: Int
    var groups: Int
    var tokens: Int
    /// Rotated pairs of each head.
    var pairs: Int
    var format: sp_cache_format
    /// The query heads that run, by group.
    var running: [[Int]]
    /// Whether queries and keys have norms before they are rotated.
    var hasNorms: Bool

    let queries: [Float]
    var keys: [Float]
    var values: [Float]
    let angles: [Float]
    /// Weights of the norms of queries, then of keys, `[2][headSize]`.
    let normWeights: [Float]
    let epsilon: Float = 1e-5
    let scale: Float = 0.125

    var stride: Int { (headSize + 15) / 16 * 16 }
    var heads: Int { headsPerGroup * groups }

    init(
        headSize: Int, headsPerGroup: Int, groups: Int, tokens: Int, pairs: Int, format: sp_cache_format,
        running: [[Int]]? = nil, hasNorms: Bool = false
    ) {
        self.headSize = headSize
        self.headsPerGroup = headsPerGroup
        self.groups = groups
        self.tokens = tokens
        self.pairs = pairs
        self.format = format
        self.hasNorms = hasNorms
        self.running = running ?? (0..<groups).map { group in (0..<headsPerGroup).map { group * headsPerGroup + $0 } }
        var random = MatrixProductTests.SplitMix(state: 21)
        let padded = (headSize + 15) / 16 * 16
        func vectors(_ count: Int, _ size: Float) -> [Float] {
            (0..<count * padded).map { $0 % padded < headSize ? (Float(random.unit()) - 0.5) * size : 0 }
        }
        queries = vectors(tokens * headsPerGroup * groups, 10)
        // Large keys make a peaked softmax, which a careless one would overflow on.
        keys = vectors(tokens * groups, 20)
        values = vectors(tokens * groups, 1)
        normWeights = (0..<2 * headSize).map { _ in 0.5 + Float(random.unit()) }
        angles = (0..<tokens * pairs).map { _ in Float(random.unit() * 6.28) }
    }

    /// [tokens][heads][headSize] of the running heads, NaN elsewhere.
    func attend(batches: [Int], threads: Int, instructionSet: String) -> [Float] {
        let pool = sp_pool_create(Int32(threads), instructionSet)!
        defer { sp_pool_destroy(pool) }
        let blocks = (tokens + 15) / 16
        let blockBytes = [
            sp_key_block_bytes(format, Int32(stride)), sp_value_block_bytes(format, Int32(stride)),
        ]
        // What a cache holds behind the text must not matter: these bytes are not numbers where they are floats.
        let stores = (0..<2 * groups).map { index in
            let bytes = blocks * blockBytes[index % 2]
            let store = UnsafeMutableRawPointer.allocate(byteCount: bytes, alignment: 64)
            store.initializeMemory(as: UInt8.self, repeating: 0xff, count: bytes)
            return store
        }
        defer { stores.forEach { $0.deallocate() } }
        let lists = running.map { heads in
            let list = UnsafeMutablePointer<Int32>.allocate(capacity: heads.count)
            list.initialize(from: heads.map(Int32.init), count: heads.count)
            return list
        }
        defer { lists.forEach { $0.deallocate() } }
        let live = running.indices.filter { !running[$0].isEmpty }.map { group in
            sp_attention_group(
                keys: stores[2 * group], values: stores[2 * group + 1], index: Int32(group), heads: lists[group],
                head_count: Int32(running[group].count))
        }
        let cosines = angles.map { cos($0) }, sines = angles.map { sin($0) }
        var output: [Float] = []
        var partials = [Float](
            repeating: .nan, count: sp_attention_partials(Int32(tokens), Int32(heads), Int32(stride)))
        let (queryStride, keyStride, outputStride) = (heads * stride, groups * stride, heads * headSize)
        for batch in batches {
            let first = output.count / outputStride
            let rows = (0..<batch).map { Int(sp_token_row(Int32($0))) }
            let rowCount = Int(sp_token_rows(Int32(batch)))
            // The batch's tokens in the rows of a batch.
            func inRows(_ x: [Float], stride: Int) -> [Float] {
                var result = [Float](repeating: .nan, count: rowCount * stride)
                for (token, row) in rows.enumerated() {
                    for i in 0..<stride { result[row * stride + i] = x[(first + token) * stride + i] }
                }
                return result
            }
            var outputs = [Float](repeating: .nan, count: rowCount * outputStride)
            let (queries, keys) = (inRows(queries, stride: queryStride), inRows(keys, stride: keyStride))
            let values = inRows(values, stride: keyStride)
            normWeights.withUnsafeBufferPointer { weights in
                let norms = hasNorms ? weights.baseAddress : nil
                queries.withUnsafeBufferPointer { queries in
                    keys.withUnsafeBufferPointer { keys in
                        values.withUnsafeBufferPointer { values in
                            cosines.withUnsafeBufferPointer { cosines in
                                sines.withUnsafeBufferPointer { sines in
                                    outputs.withUnsafeMutableBufferPointer { outputs in
                                        partials.withUnsafeMutableBufferPointer { partials in
                                            live.withUnsafeBufferPointer { live in
                                                var attention = sp_attention(
                                                    queries: queries.baseAddress, query_stride: queryStride,
                                                    keys: keys.baseAddress, values: values.baseAddress,
                                                    key_stride: keyStride,
                                                    cosines: cosines.baseAddress.map { $0 + first * pairs },
                                                    sines: sines.baseAddress.map { $0 + first * pairs },
                                                    pairs: Int32(pairs), query_norm: norms,
                                                    key_norm: norms.map { $0 + headSize }, norm_epsilon: epsilon,
                                                    output: outputs.baseAddress, output_stride: outputStride,
                                                    tokens: Int32(batch),
                                                    first_position: Int32(first), head_size: Int32(headSize),
                                                    head_stride: Int32(stride), scale: scale, format: format,
                                                    groups: live.baseAddress, group_count: Int32(live.count),
                                                    partials: partials.baseAddress)
                                                sp_attend(pool, &attention)
                                            }
                                        }
                                    }
                                }
                            }
                        }
                    }
                }
            }
            for row in rows { output += outputs[row * outputStride..<(row + 1) * outputStride] }
        }
        return output
    }

    /// A vector as the cache holds it: in integers, the largest magnitude is `limit`.
    private func stored(_ x: some Collection<Float>, limit: Double) -> [Double] {
        let values = x.map(Double.init)
        let unit = values.map(abs).max()! / limit
        return format == SP_CACHE_F32 || unit == 0 ? values : values.map { ($0 / unit).rounded() * unit }
    }

    /// A key or a query as it is multiplied: in bytes a scale for each 32 dimensions, or integers whose products add up
    /// in 32 bits.
    private func stored(key: [Float]) -> [Double] {
        guard format == SP_CACHE_BYTES else { return stored(key, limit: headSize <= 128 ? 4095 : 2047) }
        return Swift.stride(from: 0, to: headSize, by: 32).flatMap { start in
            stored(key[start..<min(start + 32, headSize)], limit: 127)
        }
    }

    /// A query or a key as it is multiplied. The norm is taken in double precision.
    private func turned(_ vector: ArraySlice<Float>, norm: ArraySlice<Float>, _ token: Int) -> [Float] {
        var result = Array(vector)
        if hasNorms {
            let squares = result.reduce(0.0) { $0 + Double($1) * Double($1) }
            let scale = 1 / (squares / Double(headSize) + Double(epsilon)).squareRoot()
            result = zip(result, norm).map { Float(Double($0) * scale * Double($1)) }
        }
        for i in 0..<pairs {
            let (c, s) = (cos(angles[token * pairs + i]), sin(angles[token * pairs + i]))
            let (a, b) = (result[i], result[pairs + i])
            result[i] = a * c - b * s
            result[pairs + i] = a * s + b * c
        }
        return result
    }

    /// Weights as they are multiplied: in integers, with their values' scales the largest of a chunk is 127.
    private func stored(_ weights: [Double], ofValues values: [[Double]]) -> [Double] {
        guard format != SP_CACHE_F32 else { return weights }
        let scales = values.map { value in value.map(abs).max()! }
        return Swift.stride(from: 0, to: weights.count, by: 128).flatMap { first in
            let chunk = first..<min(first + 128, weights.count)
            let unit = chunk.map { weights[$0] * scales[$0] }.max()! / 127
            return chunk.map { (weights[$0] * scales[$0] / unit).rounded() * unit / scales[$0] }
        }
    }

    /// The largest difference from the same attention in double precision, and the root of their mean square.
    func error(of output: [Float]) -> (largest: Double, rootMeanSquare: Double) {
        let plainKeys = (0..<groups).map { group in
            (0..<tokens).map { token in
                let start = (token * groups + group) * stride
                return stored(key: turned(keys[start..<start + headSize], norm: normWeights[headSize...], token))
            }
        }
        let plainValues = (0..<groups).map { group in
            (0..<tokens).map { token in
                let start = (token * groups + group) * stride
                return stored(values[start..<start + headSize], limit: 127)
            }
        }
        var (largest, squares, count) = (0.0, 0.0, 0.0)
        for (group, members) in running.enumerated() {
            for head in members {
                for token in 0..<tokens {
                    let start = (token * heads + head) * stride
                    let query = stored(
                        key: turned(queries[start..<start + headSize], norm: normWeights[..<headSize], token))
                    let scores = plainKeys[group][...token].map {
                        zip(query, $0).reduce(0) { $0 + $1.0 * $1.1 } * Double(scale)
                    }
                    let peak = scores.max()!
                    let weights = scores.map { exp($0 - peak) }
                    let sum = weights.reduce(0, +)
                    let shares = stored(weights, ofValues: plainValues[group])
                    for i in 0..<headSize {
                        let mixed = shares.indices.reduce(0.0) { $0 + shares[$1] * plainValues[group][$1][i] }
                        let found = Double(output[(token * heads + head) * headSize + i])
                        let error = found.isNaN ? .infinity : abs(found - mixed / sum)
                        (largest, squares, count) = (max(largest, error), squares + error * error, count + 1)
                    }
                }
            }
        }
        return (largest, (squares / count).squareRoot())
    }
}

@Suite struct AttentionTests {
    /// Sizes that are no multiple of a register, texts below, at and past the edges of blocks and chunks, and one of
    /// which a single thread takes two chunks at a time.
    private static let formats = [SP_CACHE_F32, SP_CACHE_BYTES, SP_CACHE_WIDE_KEYS].map(\.rawValue)

    private static func cases(_ format: sp_cache_format) -> [AttentionCase] {
        [
            AttentionCase(headSize: 64, headsPerGroup: 3, groups: 2, tokens: 1, pairs: 32, format: format),
            AttentionCase(headSize: 64, headsPerGroup: 3, groups: 3, tokens: 300, pairs: 32, format: format),
            AttentionCase(headSize: 24, headsPerGroup: 2, groups: 2, tokens: 128, pairs: 12, format: format),
            AttentionCase(headSize: 40, headsPerGroup: 1, groups: 1, tokens: 129, pairs: 8, format: format),
            AttentionCase(
                headSize: 32, headsPerGroup: 4, groups: 3, tokens: 143, pairs: 16, format: format,
                running: [[1], [], [8, 9, 10, 11]]),
            AttentionCase(headSize: 16, headsPerGroup: 9, groups: 1, tokens: 20, pairs: 0, format: format),
            AttentionCase(headSize: 16, headsPerGroup: 20, groups: 1, tokens: 130, pairs: 8, format: format),
            AttentionCase(headSize: 128, headsPerGroup: 2, groups: 1, tokens: 131, pairs: 64, format: format),
            AttentionCase(
                headSize: 40, headsPerGroup: 2, groups: 2, tokens: 150, pairs: 20, format: format, hasNorms: true),
            AttentionCase(headSize: 200, headsPerGroup: 2, groups: 1, tokens: 19, pairs: 100, format: format),
        ]
    }

    /// Scores reach 100 in magnitude, so their rounding alone moves a weight by 1e-5. Where a weight is all but halfway
    /// between two integers that makes it the other one, a 127th of the largest weight: seldom, and on values up to a
    /// half.
    @Test(arguments: MatrixProductTests.instructionSets, formats)
    func attentionAgreesWithDoublePrecision(instructionSet: String, format: UInt32) {
        let format = sp_cache_format(format)
        for example in Self.cases(format) {
            let output = example.attend(batches: [example.tokens], threads: 2, instructionSet: instructionSet)
            let error = example.error(of: output)
            #expect(error.largest < (format == SP_CACHE_F32 ? 5e-5 : 5e-3))
            #expect(error.rootMeanSquare < 1e-4)
        }
    }

    /// Nothing that sees a key or a value which is no number comes out as one.
    @Test(arguments: MatrixProductTests.instructionSets, formats)
    func whatIsNoNumberIsNotOverlooked(instructionSet: String, format: UInt32) {
        for (tokens, bad, number) in [(20, 3, Float.nan), (140, 3, -.nan), (140, 130, .nan)] {
            var example = AttentionCase(
                headSize: 64, headsPerGroup: 2, groups: 1, tokens: tokens, pairs: 8, format: sp_cache_format(format))
            let sound = (example.keys, example.values)
            for isKey in [true, false] {
                (example.keys, example.values) = sound
                if isKey { example.keys[64 * bad + 5] = number } else { example.values[64 * bad + 5] = number }
                for batches in [[tokens], Array(repeating: 1, count: tokens)] {
                    let output = example.attend(batches: batches, threads: 2, instructionSet: instructionSet)
                    // The value itself: in single precision it is its own output's alone.
                    #expect((bad..<tokens).allSatisfy { output[128 * $0 + 5].isNaN })
                }
            }
        }
    }

    /// Reading a text in other batches, or on other numbers of threads, changes no bit.
    @Test(arguments: MatrixProductTests.instructionSets, formats)
    func batchesAndThreadsDoNotMatter(instructionSet: String, format: UInt32) {
        for example in Self.cases(sp_cache_format(format)) {
            let whole = example.attend(batches: [example.tokens], threads: 1, instructionSet: instructionSet)
            let single = Array(repeating: 1, count: example.tokens)
            let uneven = example.tokens > 20 ? [17, 2, 1, example.tokens - 20] : [example.tokens]
            for (batches, threads) in [(single, 1), (single, 3), (uneven, 2), ([example.tokens], 4)] {
                let other = example.attend(batches: batches, threads: threads, instructionSet: instructionSet)
                #expect(zip(whole, other).allSatisfy { $0.bitPattern == $1.bitPattern || ($0.isNaN && $1.isNaN) })
            }
        }
    }
}
