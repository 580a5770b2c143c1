/// From scores to the units of a pathway.
package enum UnitSelection {
    /// At least this share of each layer's units stays, and one.
    static let layerFloor = 0.1

    /// Units of one kind that compete for a place in the pathway.
    package struct Contest {
        /// Which go first, `[layers][units]`: lower ones do.
        let order: [[Double]]
        /// What a unit spares of the budget, `[units]`.
        let costs: [Double]
        /// Units that stay whatever their score, `[layers][units]`.
        let protected: [[Int]]

        package init(order: [[Double]], costs: [Double], protected: [[Int]]) {
            self.order = order
            self.costs = costs
            self.protected = protected
        }
    }

    /// The units that stay, for each contest `[layers][ascending]`: the lowest of all contests go first, ties by
    /// (contest, layer, unit), until what they spare is as near to `wanted` as it gets or nothing more may go.
    package static func keptUnits(_ contests: [Contest], sparing wanted: Double) -> [[[Int]]] {
        struct Candidate {
            let order: Double
            let contest: Int
            let layer: Int
            let unit: Int
        }
        var kept = contests.map { $0.order.map { Array(repeating: true, count: $0.count) } }
        var inLayer = contests.map { $0.order.map(\.count) }
        var candidates: [Candidate] = []
        for (index, contest) in contests.enumerated() {
            for (layer, order) in contest.order.enumerated() {
                let safe = Set(contest.protected[layer])
                for (unit, value) in order.enumerated() where !safe.contains(unit) {
                    candidates.append(Candidate(order: value, contest: index, layer: layer, unit: unit))
                }
            }
        }
        candidates.sort { ($0.order, $0.contest, $0.layer, $0.unit) < ($1.order, $1.contest, $1.layer, $1.unit) }
        var spared = 0.0
        for candidate in candidates {
            let cost = contests[candidate.contest].costs[candidate.unit]
            guard spared + cost / 2 <= wanted else { break }
            let units = contests[candidate.contest].costs.count
            let floor = max(1, Int((layerFloor * Double(units)).rounded(.up)))
            guard inLayer[candidate.contest][candidate.layer] > floor else { continue }
            kept[candidate.contest][candidate.layer][candidate.unit] = false
            inLayer[candidate.contest][candidate.layer] -= 1
            spared += cost
        }
        return kept.map { $0.map { layer in layer.indices.filter { layer[$0] } } }
    }

    /// Each unit's place among all units of its kind in ascending order of score, from 0 to 1, ties by (layer, unit).
    static func places(of scores: [[Double]]) -> [[Double]] {
        var order = scores.enumerated().flatMap { layer, row in row.indices.map { (layer: layer, unit: $0) } }
        order.sort { (scores[$0.layer][$0.unit], $0.layer, $0.unit) < (scores[$1.layer][$1.unit], $1.layer, $1.unit) }
        var places = scores
        for (place, item) in order.enumerated() {
            places[item.layer][item.unit] = Double(place) / Double(order.count)
        }
        return places
    }
}
