/// From scores to the units of a pathway.
package enum UnitSelection {
    /// At least this share of each layer's units stays, and one.
    static let layerFloor = 0.1

    /// Units of one kind that compete for a place in the pathway.
    package struct Contest {
        /// Which go first, `[layers][units]`: lower ones do.
        package let order: [[Double]]
        /// What a unit spares of the budget, `[units]`.
        package let costs: [Double]
        /// Units of a layer share something by so many, and the last of them spares that as well; nil where none do.
        package let sharing: (units: Int, cost: Double)?
        /// Units that stay whatever their score, `[layers][units]`.
        package let protected: [[Int]]

        package init(
            order: [[Double]], costs: [Double], sharing: (units: Int, cost: Double)? = nil, protected: [[Int]]
        ) {
            self.order = order
            self.costs = costs
            self.sharing = sharing
            self.protected = protected
        }
    }

    /// The units that stay, for each contest `[layers][ascending]`: the lowest of all contests go first, ties by
    /// (contest, layer, unit), until what they spare is as near to `wanted` as it gets or nothing more may go.
    package static func keptUnits(_ contests: [Contest], sparing wanted: Double) -> [[[Int]]] {
        var candidates: [Candidate] = []
        var selection = RunningSelection(wanted: wanted)
        candidates.reserveCapacity(contests.reduce(0) { $0 + $1.order.count * $1.costs.count })
        for contest in contests {
            let firstCost = selection.costs.count
            selection.costs += contest.costs
            for (order, protected) in zip(contest.order, contest.protected) {
                let safe = Set(protected)
                let firstPlace = selection.kept.count
                for (unit, value) in order.enumerated() where safe.isEmpty || !safe.contains(unit) {
                    candidates.append(
                        Candidate(
                            order: value, place: Int32(firstPlace + unit), row: Int32(selection.rows.count)))
                }
                selection.kept += repeatElement(true, count: order.count)
                selection.rows.append(
                    RunningSelection.Row(
                        places: firstPlace..<firstPlace + order.count, firstCost: firstCost,
                        sharing: contest.sharing,
                        mayGo: order.count - max(1, Int((layerFloor * Double(order.count)).rounded(.up)))))
            }
        }
        AscendingWalk.run(
            over: &candidates, takesWhole: { selection.takesWhole($0) }, take: { selection.take($0) })
        var rows = selection.rows[...]
        return contests.map { contest in
            defer { rows = rows.dropFirst(contest.order.count) }
            return rows.prefix(contest.order.count).map { row in
                row.places.filter { selection.kept[$0] }.map { $0 - row.places.lowerBound }
            }
        }
    }

    /// A unit that may go. Small, because bringing them into order takes most of the time.
    private struct Candidate: Comparable {
        let order: Double
        /// Counts every unit of every contest, and so breaks ties.
        let place: Int32
        /// Counts every layer of every contest.
        let row: Int32

        static func < (a: Candidate, b: Candidate) -> Bool {
            a.order == b.order ? a.place < b.place : a.order < b.order
        }
    }

    /// What has gone so far.
    private struct RunningSelection {
        /// The units of one contest in one layer.
        struct Row {
            let places: Range<Int>
            /// Of `costs`, that of the first unit.
            let firstCost: Int
            let sharing: (units: Int, cost: Double)?
            /// How many more may go.
            var mayGo: Int
        }

        let wanted: Double
        var spared = 0.0
        var rows: [Row] = []
        /// What units spare, for each contest those of a layer.
        var costs: [Double] = []
        /// Which units stay, by their place.
        var kept: [Bool] = []

        init(wanted: Double) { self.wanted = wanted }

        /// Lets all candidates of a part go that may, if in any order they would.
        mutating func takesWhole(_ part: UnsafeMutableBufferPointer<Candidate>) -> Bool {
            var counts = [Int](repeating: 0, count: rows.count)
            var most = 0.0
            for candidate in part {
                let index = Int(candidate.row)
                guard rows[index].mayGo > 0 else { continue }
                counts[index] += 1
                // As if every one were the last of those that share.
                most += ownCost(candidate, rows[index]) + (rows[index].sharing?.cost ?? 0)
            }
            guard spared + most <= wanted, zip(rows, counts).allSatisfy({ $0.mayGo >= $1 }) else { return false }
            for candidate in part { _ = take(candidate) }
            return true
        }

        /// Lets a candidate go, unless its layer has none to spare.
        ///
        /// - Returns: false where the budget is spent.
        mutating func take(_ candidate: Candidate) -> Bool {
            let row = rows[Int(candidate.row)]
            guard row.mayGo > 0 else { return true }
            let cost = ownCost(candidate, row) + sharedCost(candidate, row)
            guard spared + cost / 2 <= wanted else { return false }
            kept[Int(candidate.place)] = false
            rows[Int(candidate.row)].mayGo -= 1
            spared += cost
            return true
        }

        private func ownCost(_ candidate: Candidate, _ row: Row) -> Double {
            costs[row.firstCost + Int(candidate.place) - row.places.lowerBound]
        }

        /// What goes with the last unit of those that share it.
        private func sharedCost(_ candidate: Candidate, _ row: Row) -> Double {
            guard let sharing = row.sharing else { return 0 }
            let place = Int(candidate.place)
            let first = place - (place - row.places.lowerBound) % sharing.units
            let others = (first..<min(first + sharing.units, row.places.upperBound)).contains {
                $0 != place && kept[$0]
            }
            return others ? 0 : sharing.cost
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
