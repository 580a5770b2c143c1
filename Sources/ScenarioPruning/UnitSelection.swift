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
        /// Units of a layer share something by so many, and the last of them spares that as well; nil where none do.
        let sharing: (units: Int, cost: Double)?
        /// Units that stay whatever their score, `[layers][units]`.
        let protected: [[Int]]

        package init(
            order: [[Double]], costs: [Double], sharing: (units: Int, cost: Double)? = nil, protected: [[Int]]
        ) {
            self.order = order
            self.costs = costs
            self.sharing = sharing
            self.protected = protected
        }

        /// What goes without `unit`, beside what is gone already: of a layer where `kept` says which units still stay.
        func cost(of unit: Int, kept: ArraySlice<Bool>) -> Double {
            guard let sharing else { return costs[unit] }
            let first = unit / sharing.units * sharing.units
            let others = (first..<min(first + sharing.units, kept.count)).contains {
                $0 != unit && kept[kept.startIndex + $0]
            }
            return costs[unit] + (others ? 0 : sharing.cost)
        }
    }

    /// The units that stay, for each contest `[layers][ascending]`: the lowest of all contests go first, ties by
    /// (contest, layer, unit), until what they spare is as near to `wanted` as it gets or nothing more may go.
    package static func keptUnits(_ contests: [Contest], sparing wanted: Double) -> [[[Int]]] {
        /// Small, because sorting them takes most of the time.
        struct Candidate: Comparable {
            let order: Double
            /// Counts every unit of every contest, and so breaks ties.
            let place: Int32

            static func < (a: Candidate, b: Candidate) -> Bool {
                a.order == b.order ? a.place < b.place : a.order < b.order
            }
        }
        let layers = contests.first?.order.count ?? 0
        let counts = contests.map(\.costs.count)
        var firstPlaces: [Int] = []
        var candidates: [Candidate] = []
        var place = 0
        candidates.reserveCapacity(layers * counts.reduce(0, +))
        for contest in contests {
            firstPlaces.append(place)
            for (layer, order) in contest.order.enumerated() {
                let safe = Set(contest.protected[layer])
                for (unit, value) in order.enumerated() {
                    if safe.isEmpty || !safe.contains(unit) {
                        candidates.append(Candidate(order: value, place: Int32(place)))
                    }
                    place += 1
                }
            }
        }
        /// Which units stay, by their place, and how many in each layer of each contest.
        var kept = Array(repeating: true, count: place)
        var inLayer = counts.flatMap { Array(repeating: $0, count: layers) }
        let floors = counts.map { max(1, Int((layerFloor * Double($0)).rounded(.up))) }
        var spared = 0.0
        search: for run in AscendingRuns(candidates) {
            for candidate in run {
                let place = Int(candidate.place)
                let contest = firstPlaces.lastIndex { $0 <= place }!
                let count = counts[contest]
                let (layer, unit) = (place - firstPlaces[contest]).quotientAndRemainder(dividingBy: count)
                guard inLayer[contest * layers + layer] > floors[contest] else { continue }
                let cost = contests[contest].cost(of: unit, kept: kept[place - unit..<place - unit + count])
                guard spared + cost / 2 <= wanted else { break search }
                kept[place] = false
                inLayer[contest * layers + layer] -= 1
                spared += cost
            }
        }
        return zip(firstPlaces, counts).map { first, count in
            (0..<layers).map { layer in
                let start = first + layer * count
                return (0..<count).filter { kept[start + $0] }
            }
        }
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
