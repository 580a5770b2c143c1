/// From scores to a pathway's heads.
package enum HeadSelection {
    /// At least this share of each layer's heads stays.
    static let layerFloor = 0.1

    /// The heads that stay, `[layers][ascending]`: the lowest scores go first, ties by (layer, head), until
    /// `fraction` of all heads are gone or nothing more may go.
    ///
    /// - Parameter protected: heads that stay whatever their score, `[layers][heads]`.
    package static func keptHeads(scores: [[Double]], fraction: Double, protected: [[Int]]) -> [[Int]] {
        let heads = scores.first?.count ?? 0
        let floor = max(1, Int((layerFloor * Double(heads)).rounded(.up)))
        var kept = scores.map { Array(repeating: true, count: $0.count) }
        var left = Int((fraction * Double(scores.count * heads)).rounded())
        var inLayer = Array(repeating: heads, count: scores.count)
        var candidates: [(score: Double, layer: Int, head: Int)] = []
        for layer in scores.indices {
            let safe = Set(protected[layer])
            for head in 0..<heads where !safe.contains(head) { candidates.append((scores[layer][head], layer, head)) }
        }
        candidates.sort { ($0.score, $0.layer, $0.head) < ($1.score, $1.layer, $1.head) }
        for candidate in candidates where left > 0 && inLayer[candidate.layer] > floor {
            kept[candidate.layer][candidate.head] = false
            inLayer[candidate.layer] -= 1
            left -= 1
        }
        return kept.map { layer in layer.indices.filter { layer[$0] } }
    }
}
