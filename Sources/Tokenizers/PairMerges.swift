import HeapModule

/// Byte-pair encoding of a run of tokens: neighbours merge, the most urgent pair first and the leftmost of equal ones,
/// until none can.
///
/// Sennrich et al., "Neural Machine Translation of Rare Words with Subword Units" (2016). A heap of candidate
/// pairs over a linked list makes a run of n tokens cost O(n log n).
struct PairMerges: Sendable {
    private struct Merge {
        let rank: Int32
        let result: Int32
    }

    private var merges: [UInt64: Merge]

    init(minimumCapacity: Int) { merges = Dictionary(minimumCapacity: minimumCapacity) }

    /// Adds a pair that merges into `result`, lower ranks first. Of a pair that is added twice the first counts.
    mutating func add(_ left: Int32, _ right: Int32, into result: Int32, rank: Int32) {
        let pair = Self.pair(left, right)
        if merges[pair] == nil { merges[pair] = Merge(rank: rank, result: result) }
    }

    private static func pair(_ left: Int32, _ right: Int32) -> UInt64 {
        UInt64(UInt32(bitPattern: left)) << 32 | UInt64(UInt32(bitPattern: right))
    }

    /// Merges `tokens`, none of which is negative.
    func apply(to tokens: inout [Int32]) {
        if tokens.count <= 24 {
            mergeByScanning(&tokens)
        } else {
            mergeByHeap(&tokens)
        }
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

    /// A pair that could merge. Older candidates of a changed position no longer match its tokens.
    private struct Candidate: Comparable {
        let rank: Int32
        let position: Int32
        let left: Int32
        let right: Int32

        static func < (a: Candidate, b: Candidate) -> Bool { (a.rank, a.position) < (b.rank, b.position) }
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
