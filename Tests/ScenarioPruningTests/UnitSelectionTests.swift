import Basics
import ScenarioPruning
import Testing

@Suite struct UnitSelectionTests {
    /// One kind of unit, each of which spares as much as the others.
    private func kept(_ order: [[Double]], fraction: Double, protected: [[Int]]? = nil) -> [[Int]] {
        let units = order[0].count
        let contest = UnitSelection.Contest(
            order: order, costs: Array(repeating: 1, count: units), protected: protected ?? order.map { _ in [] })
        return UnitSelection.keptUnits([contest], sparing: fraction * Double(order.count * units))[0]
    }

    @Test func theLowestGoFirst() {
        #expect(kept([[0.9, 0.1, 0.5], [0.2, 0.8, 0.3]], fraction: 0.5) == [[0, 2], [1]])
    }

    @Test func tiesGoByLayerThenUnit() {
        #expect(kept([[1, 1, 1], [1, 1, 1]], fraction: 0.5) == [[2], [1, 2]])
    }

    @Test func protectedUnitsAndFloorsStay() {
        // Of 20 units a layer keeps at least 2.
        let order = [[Double](repeating: 0, count: 20), [Double](repeating: 1, count: 20)]
        #expect(kept(order, fraction: 1, protected: [[], Array(0..<20)]) == [[18, 19], Array(0..<20)])
    }

    @Test func theWholeRangeOfFractionsIsUsable() {
        let order = (0..<4).map { layer in (0..<9).map { Double(($0 * 7 + layer * 5) % 11) } }
        #expect(kept(order, fraction: 0).allSatisfy { $0.count == 9 })
        #expect(kept(order, fraction: 1).allSatisfy { $0.count == 1 })
        for fraction in stride(from: 0.0, through: 0.8, by: 0.1) {
            #expect(36 - kept(order, fraction: fraction).reduce(0) { $0 + $1.count } == Int((36 * fraction).rounded()))
        }
    }

    /// Kinds compete by their order; each counts with what it spares.
    @Test func kindsShareABudget() {
        let heads = UnitSelection.Contest(order: [[0.1, 0.4], [0.5, 0.6]], costs: [3, 3], protected: [[], []])
        let blocks = UnitSelection.Contest(order: [[0.2, 0.3], [0.9, 0.9]], costs: [2, 2], protected: [[], []])
        let kept = UnitSelection.keptUnits([heads, blocks], sparing: 5)
        #expect(kept == [[[1], [0, 1]], [[1], [0, 1]]])
    }
}

@Suite struct SelectionOracleTests {
    private struct Unit {
        let contest: Int
        let layer: Int
        let unit: Int
        let order: Double

        var place: (Double, Int, Int, Int) { (order, contest, layer, unit) }
    }

    /// What sorting all units and taking them one by one keeps, as `keptUnits` is documented.
    private func keptUnits(_ contests: [UnitSelection.Contest], sparing wanted: Double) -> [[[Int]]] {
        var all: [Unit] = []
        for (index, contest) in contests.enumerated() {
            for (layer, row) in contest.order.enumerated() {
                for (unit, order) in row.enumerated() {
                    all.append(Unit(contest: index, layer: layer, unit: unit, order: order))
                }
            }
        }
        all.sort { $0.place < $1.place }
        var kept = contests.map { contest in contest.order.map { Set($0.indices) } }
        var spared = 0.0
        for next in all {
            let contest = contests[next.contest]
            let count = contest.order[next.layer].count
            let others = kept[next.contest][next.layer].subtracting([next.unit])
            let floor = max(1, Int((0.1 * Double(count)).rounded(.up)))
            if contest.protected[next.layer].contains(next.unit) || others.count < floor { continue }
            var cost = contest.costs[next.unit]
            if let sharing = contest.sharing {
                let group = next.unit / sharing.units
                if !others.contains(where: { $0 / sharing.units == group }) { cost += sharing.cost }
            }
            if spared + cost / 2 > wanted { break }
            kept[next.contest][next.layer] = others
            spared += cost
        }
        return kept.map { $0.map { $0.sorted() } }
    }

    private func randomContest(layers: Int, values: Int, _ draw: (Int) -> Int) -> UnitSelection.Contest {
        let units = 2 + draw(40)
        var order: [[Double]] = []
        var protected: [[Int]] = []
        for layer in 0..<layers {
            order.append((0..<units).map { _ in Double(draw(values) * (layer + 1)) })
            protected.append(draw(3) == 0 ? [draw(units)] : [])
        }
        let costs = (0..<units).map { _ in Double(1 + draw(5)) }
        let shares = draw(2) == 0
        return UnitSelection.Contest(
            order: order, costs: costs, sharing: shares ? (units: 1 + draw(4), cost: Double(draw(20))) : nil,
            protected: protected)
    }

    /// Parts that are taken whole are what one by one gives: with ties, floors, shared costs and protected units.
    @Test func partsAreTakenAsUnitsOneByOne() {
        var generator = SplitMix64(seed: 11)
        func draw(_ count: Int) -> Int { Int(generator.next() % UInt64(count)) }
        for trial in 0..<400 {
            let layers = 1 + draw(6)
            let contests = (0...draw(2)).map { _ in
                randomContest(layers: layers, values: trial % 3 == 0 ? 12 : 1_000_000, draw)
            }
            var total = 0.0
            for contest in contests { total += Double(layers) * contest.costs.reduce(0, +) }
            let wanted = total * Double(draw(120)) / 100
            let found = UnitSelection.keptUnits(contests, sparing: wanted)
            #expect(found == keptUnits(contests, sparing: wanted), "trial \(trial)")
        }
    }
}

@Suite struct SharedCostTests {
    /// The last head of a group spares what its heads share as well: a budget is not overrun by it.
    @Test func theLastOfAGroupSparesWhatItShared() {
        let order = [[0.1, 0.2, 0.3, 0.4], [0.5, 0.6, 0.7, 0.8]]
        func kept(sparing wanted: Double) -> [[Int]] {
            let contest = UnitSelection.Contest(
                order: order, costs: [1, 1, 1, 1], sharing: (units: 2, cost: 4), protected: [[], []])
            return UnitSelection.keptUnits([contest], sparing: wanted)[0]
        }
        #expect(kept(sparing: 1) == [[1, 2, 3], [0, 1, 2, 3]])
        // The second head spares 5.
        #expect(kept(sparing: 3) == [[1, 2, 3], [0, 1, 2, 3]])
        #expect(kept(sparing: 6) == [[2, 3], [0, 1, 2, 3]])
        #expect(kept(sparing: 7) == [[3], [0, 1, 2, 3]])
    }

    /// What may not go does not end the search, however much it would spare.
    @Test func theLastOfALayerIsPassedOver() {
        let contest = UnitSelection.Contest(
            order: [[0.1, 0.2], [0.3, 0.4]], costs: [1, 1], sharing: (units: 2, cost: 4), protected: [[], []])
        #expect(UnitSelection.keptUnits([contest], sparing: 2)[0] == [[1], [1]])
    }
}
