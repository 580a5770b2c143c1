import HeapModule

/// Byte-pair encoding of one word: neighbouring tokens merge, the most urgent pair first, until none can.
///
/// Sennrich et al., "Neural Machine Translation of Rare Words with Subword Units" (2016). A heap of candidate
/// pairs over a linked list makes a word of n bytes cost O(n log n).
struct BytePairMerger: Sendable {
    private struct Merge {
        let rank: Int32
        let result: Int32
    }

    /// The token of each byte; -1 where the vocabulary has none.
    private let byteTokens: [Int32]
    private var merges: [UInt64: Merge]
    /// Words that are a token of their own whatever the merges say (Llama 3), or nil.
    private let wholeWords: [ArraySlice<UInt8>: Int32]?

    init(_ vocabulary: Tokenizer.Vocabulary, wholeWords: Bool) throws(TokenizerError) {
        guard vocabulary.tokens.count <= Int(Int32.max), vocabulary.merges.count <= Int(Int32.max) else {
            throw .malformedVocabulary("more tokens than can be counted")
        }
        // Compared as bytes: canonically equivalent strings are different tokens.
        var texts = try TokenTexts(roomFor: vocabulary.tokens)
        for token in vocabulary.tokens { texts.append(token.utf8) }
        var ids: [ArraySlice<UInt8>: Int32] = [:]
        ids.reserveCapacity(texts.count)
        for id in vocabulary.tokens.indices {
            let kind = vocabulary.kinds.isEmpty ? .normal : vocabulary.kinds[id]
            let key = texts[id]
            if kind != .control || ids[key] == nil { ids[key] = Int32(id) }
        }
        byteTokens = ByteAlphabet.scalars.map { ids[ArraySlice(String($0).utf8)] ?? -1 }
        merges = Dictionary(minimumCapacity: vocabulary.merges.count)
        for (rank, merge) in vocabulary.merges.enumerated() {
            let bytes = Array(merge.utf8)
            guard let space = bytes.dropFirst().firstIndex(of: UInt8(ascii: " ")) else {
                throw .malformedVocabulary("merge \(rank), \"\(merge)\", is not two tokens")
            }
            let left = bytes[..<space]
            let right = bytes[(space + 1)...]
            guard let leftID = ids[left], let rightID = ids[right], let result = ids[ArraySlice(left + right)] else {
                throw .malformedVocabulary("merge \(rank), \"\(merge)\", names a token that is not in the vocabulary")
            }
            let pair = Self.pair(leftID, rightID)
            if merges[pair] == nil { merges[pair] = Merge(rank: Int32(rank), result: result) }
        }
        guard wholeWords else {
            self.wholeWords = nil
            return
        }
        var words: [ArraySlice<UInt8>: Int32] = [:]
        for (token, id) in ids {
            if let word = ByteAlphabet.decode(String(decoding: token, as: UTF8.self)) { words[word[...]] = id }
        }
        self.wholeWords = words
    }

    private static func pair(_ left: Int32, _ right: Int32) -> UInt64 {
        UInt64(UInt32(bitPattern: left)) << 32 | UInt64(UInt32(bitPattern: right))
    }

    /// A pair that could merge. Older candidates of a changed position no longer match its tokens.
    private struct Candidate: Comparable {
        let rank: Int32
        let position: Int32
        let left: Int32
        let right: Int32

        static func < (a: Candidate, b: Candidate) -> Bool { (a.rank, a.position) < (b.rank, b.position) }
    }

    func appendTokens(of word: ArraySlice<UInt8>, to ids: inout [Int]) {
        if let id = wholeWords?[word] {
            ids.append(Int(id))
            return
        }
        // A byte without a token is dropped, as the original tokenizers do.
        var tokens = word.map { byteTokens[Int($0)] }.filter { $0 >= 0 }
        if tokens.count <= 24 {
            mergeByScanning(&tokens)
        } else {
            mergeByHeap(&tokens)
        }
        for token in tokens { ids.append(Int(token)) }
    }

    /// For short words, looking at every pair beats keeping a heap.
    private func mergeByScanning(_ tokens: inout [Int32]) {
        while tokens.count > 1 {
            var best: (merge: Merge, at: Int)?
            for at in 0..<tokens.count - 1 {
                guard let merge = merges[Self.pair(tokens[at], tokens[at + 1])] else { continue }
                if best == nil || merge.rank < best!.merge.rank { best = (merge, at) }
            }
            guard let best else { return }
            tokens[best.at] = best.merge.result
            tokens.remove(at: best.at + 1)
        }
    }

    private func mergeByHeap(_ tokens: inout [Int32]) {
        let count = tokens.count
        var next = Array(1...Int32(count))
        var previous = Array(Int32(-1)..<Int32(count - 1))
        var heap = Heap<Candidate>()
        func push(_ left: Int32, _ right: Int32) {
            let pair = Self.pair(tokens[Int(left)], tokens[Int(right)])
            guard let merge = merges[pair] else { return }
            heap.insert(Candidate(rank: merge.rank, position: left, left: tokens[Int(left)], right: tokens[Int(right)]))
        }
        for position in 0..<Int32(count - 1) { push(position, position + 1) }
        while let candidate = heap.popMin() {
            let left = Int(candidate.position)
            let right = Int(next[left])
            guard right < count, tokens[left] == candidate.left, tokens[right] == candidate.right,
                let merge = merges[Self.pair(candidate.left, candidate.right)]
            else { continue }
            tokens[left] = merge.result
            tokens[right] = -1
            next[left] = next[right]
            if next[left] < count {
                previous[Int(next[left])] = Int32(left)
                push(Int32(left), next[left])
            }
            if previous[left] >= 0 { push(previous[left], Int32(left)) }
        }
        tokens.removeAll { $0 < 0 }
    }
}
