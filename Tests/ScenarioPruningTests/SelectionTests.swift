import Basics
import DomainBasis
import Foundation
import ScenarioPruning
import TestSupport
import Testing
import Transformer

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

@Suite struct AscendingWalkTests {
    /// Whatever parts are taken whole, what is taken up to any element is what sorting puts there.
    @Test(arguments: [0, 1, 32, 33, 5000], [1, 40, 1_000_000])
    func elementsComeInAscendingOrder(count: Int, distinct: UInt64) {
        var generator = SplitMix64(seed: 4)
        let elements = (0..<count).map { _ in Int(generator.next() % distinct) }
        for wanted in [0, 1, count / 3, count] {
            var (taken, wholes) = ([] as [Int], 0)
            var walked = elements
            AscendingWalk.run(over: &walked) { part in
                guard taken.count + part.count <= wanted else { return false }
                taken += part
                wholes += 1
                return true
            } take: { element in
                guard taken.count < wanted else { return false }
                taken.append(element)
                return true
            }
            #expect(taken.sorted() == Array(elements.sorted().prefix(wanted)))
            #expect(walked.sorted() == elements.sorted())
            #expect(count < 5000 || distinct == 1 || wanted < 40 || wholes > 0)
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

@Suite struct UnitTableTests {
    @Test func mixingWeighsDomains() {
        let table = UnitTable(layers: 1, units: 2, domains: 2, values: [1, 2, 3, 5])
        #expect(table.mixed(by: [1, 0.5]) == [[2, 5.5]])
    }
}

@Suite struct LayerBalanceTests {
    private let scores = [[1.0, 3], [10, 30], [0, 0]]

    @Test func aPowerOfOneGivesEveryLayerTheSameMean() {
        let balanced = PruningCriterion.balanced(scores, power: 1)
        for (layer, expected) in [(0, [1.0, 3.0]), (1, [1.0, 3.0])] {
            // The mean over layers is (2 + 20 + 0) / 3.
            for (value, share) in zip(balanced[layer], expected) { #expect(abs(value - share * 22 / 6) < 1e-12) }
        }
        #expect(balanced[2] == [0, 0])
    }

    @Test func smallerPowersKeepPartOfTheDifference() {
        #expect(PruningCriterion.balanced(scores, power: 0) == scores)
        let balanced = PruningCriterion.balanced(scores, power: 0.5)
        #expect(abs(balanced[1][0] / balanced[0][0] - 10.0.squareRoot()) < 1e-12)
    }
}

@Suite struct CausalScoreTests {
    private let table = UnitTable(layers: 2, units: 2, domains: 2, values: [1, 3, 2, 2, 8, 0, 4, 12])

    private func scores(_ kind: UnitKind, weights: [Double]) throws -> [[Double]] {
        try PruningCriterion.causal.scores(
            UnitImportance(kind: kind, tables: [.causal: table], means: [[], []]), weights: weights, seed: 0)
    }

    /// Three quarters of a scenario's mixture, a quarter of all domains'.
    @Test func weightsAreTheMixtureWithSomeOfTheAverage() {
        let diagnosis = Diagnosis(logits: [[2, 0]], temperatures: [:])
        let share = 1 / (1 + exp(-2.0))
        let weights = PruningCriterion.causal.weights(of: diagnosis)
        #expect(abs(weights[0] - (0.75 * share + 0.125)) < 1e-12)
        #expect(PruningCriterion.axisEnergy.weights(of: diagnosis) == diagnosis.relevance)
    }

    /// Heads are evened out over layers by the power 0.7, blocks count twice.
    @Test func headsAreEvenedOutAndBlocksCountTwice() throws {
        let mixed = [[2.0, 2], [4, 8]]
        #expect(try scores(.feedForward, weights: [0.5, 0.5]) == mixed.map { $0.map { 2 * $0 } })
        let heads = try scores(.heads, weights: [0.5, 0.5])
        // The layers' means are 2 and 6, their mean is 4.
        for (layer, mean) in [(0, 2.0), (1, 6.0)] {
            for (found, value) in zip(heads[layer], mixed[layer]) {
                #expect(abs(found - value * pow(4 / mean, 0.7)) < 1e-12)
            }
        }
    }
}

@Suite struct BudgetTests {
    @Test func higherStrengthPrunesMoreAndBreadthLess() {
        #expect(PruningBudget.strength(0.4).fraction(breadth: 0) == 0.4)
        #expect(abs(PruningBudget.strength(0.4).fraction(breadth: 1) - 0.2) < 1e-12)
        #expect(PruningBudget.strength(0.6).fraction(breadth: 0.5) > PruningBudget.strength(0.4).fraction(breadth: 0.5))
        #expect(PruningBudget.strength(1).fraction(breadth: 0) == 0.9)
        #expect(PruningBudget.fraction(0.95).fraction(breadth: 1) == 0.95)
    }
}

@Suite struct MannWhitneyTests {
    private struct Reference: Decodable {
        struct Case: Decodable {
            let first: [Double]
            let second: [Double]
            let statistic: Double
            let pValue: Double
        }
        let mannWhitney: [Case]
    }

    @Test func agreesWithSciPy() throws {
        let data = try Data(contentsOf: Fixtures.url("statistics.json"))
        for item in try JSONDecoder().decode(Reference.self, from: data).mannWhitney {
            let test = try #require(MannWhitneyTest(item.first, lessThan: item.second))
            #expect(test.statistic == item.statistic)
            #expect(abs(test.pValue - item.pValue) <= 1e-9 * max(item.pValue, 1e-3))
        }
    }

    @Test func emptyAndEqualSamples() {
        #expect(MannWhitneyTest([], lessThan: [1]) == nil)
        #expect(MannWhitneyTest([1, 1], lessThan: [1, 1])?.pValue == 1)
    }
}

@Suite struct FluctuationTests {
    /// FLAP: variances of a layer less their mean, over their deviation. 1, 3 and 5 have the mean 3 and the deviation
    /// sqrt(8 / 3); layers of another scale give the same, and equal ones give zeros.
    @Test func scoresAreStandardisedInEachLayer() throws {
        let table = UnitTable(layers: 3, units: 3, domains: 1, values: [1, 3, 5, 500, 300, 100, 7, 7, 7])
        let importance = UnitImportance(kind: .heads, tables: [.fluctuation: table], means: [])
        let scores = try PruningCriterion.fluctuation.scores(importance, weights: [1], seed: 0)
        let unit = 2 / (8.0 / 3).squareRoot()
        for (row, expected) in zip(scores, [[-unit, 0, unit], [unit, 0, -unit], [0, 0, 0]]) {
            // Tables are in single precision.
            for (score, value) in zip(row, expected) { #expect(abs(score - value) < 1e-6) }
        }
    }
}

@Suite struct WhitelistTests {
    @Test func backboneHeadsAreEvenAndImportant() {
        // One even and important head, one even and weak, one important and uneven; layer 0 is foundation.
        let table = UnitTable(
            layers: 2, units: 4, domains: 2,
            values: [0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.5, 0.52, 0.01, 0.01, 0.9, 0.1, 0.02, 0.01])
        let whitelist = Whitelist(table, foundationLayers: 1)
        #expect(whitelist.heads == [[0, 1, 2, 3], [0]])
        #expect(whitelist.count == 5)
    }

    @Test func shallowModelsHaveFewerFoundationLayers() {
        #expect(Whitelist.defaultFoundationLayers(of: 30) == 3)
        #expect(Whitelist.defaultFoundationLayers(of: 8) == 2)
        #expect(Whitelist.defaultFoundationLayers(of: 1) == 1)
    }
}

@Suite struct DiagnosisTests {
    @Test func relevanceIsTheLargestOverLayers() {
        let diagnosis = Diagnosis(logits: [[-9, 0, -9], [2, -1, -4]], temperatures: [:])
        let likely = 1 / (1 + exp(-2.0))
        #expect(abs(diagnosis.relevance[0] - likely) < 1e-12)
        #expect(diagnosis.relevance[1] == 0.5)
        #expect(diagnosis.relevance[2] == 0)
        #expect(!diagnosis.isFallback)
        #expect(abs(diagnosis.mixture.reduce(0, +) - 1) < 1e-12)
    }

    @Test func nothingRelevantFallsBackToAllDomains() {
        let diagnosis = Diagnosis(logits: [[-9, -8, -9]], temperatures: [:])
        #expect(diagnosis.isFallback)
        let equal = Array(repeating: 1.0 / 3, count: 3)
        #expect(diagnosis.mixture == equal)
    }

    @Test func theMixtureIsTheSoftmaxOfTheLayerMean() {
        let mixture = Diagnosis(logits: [[2, 0, -1], [4, 2, -3]], temperatures: [:]).mixture
        let weights = [exp(3.0), exp(1.0), exp(-2.0)]
        for (found, weight) in zip(mixture, weights) { #expect(abs(found - weight / weights.reduce(0, +)) < 1e-12) }
    }

    /// Of five layers the first two are the first quarter.
    @Test func theFirstQuarterCountsAsMuchAsTheRest() {
        let early: [[Double]] = [[2, 0], [4, 2]]
        let mixture = Diagnosis(logits: early + [[1, 5], [-1, 1], [0, 3]], temperatures: [:]).mixture
        #expect(abs(mixture[0] - 1 / (1 + exp(2.0 - 1.5))) < 1e-12)
        let alone = Diagnosis(logits: early, firstQuarter: 2, temperatures: [:]).mixture
        #expect(abs(alone[0] - 1 / (1 + exp(1.0 - 3.0))) < 1e-12)
    }

    /// One domain above one half is a single domain, several a mixture, none something else; a regime that was not
    /// fitted is read as a single domain.
    @Test func theRegimeIsReadOffAndItsTemperaturesApply() throws {
        func regime(_ temperature: Double) throws -> RegimeCalibration {
            let json = #"{"temperatures": [\#(temperature)], "errorBefore": [0], "errorAfter": [0]}"#
            return try JSONDecoder().decode(RegimeCalibration.self, from: Data(json.utf8))
        }
        let all: [CalibrationRegime: RegimeCalibration] = [
            .singleDomain: try regime(2), .crossDomain: try regime(4), .outOfDomain: try regime(0.5),
        ]
        for (logits, expected, temperature) in [
            ([3.0, -2, -1], CalibrationRegime.singleDomain, 2.0), ([3, 2, -1], .crossDomain, 4),
            ([-1, -2, -3], .outOfDomain, 0.5),
        ] {
            let diagnosis = Diagnosis(logits: [logits], temperatures: all)
            #expect(diagnosis.regime == expected)
            #expect(abs(diagnosis.relevance[0] - 1 / (1 + exp(-logits[0] / temperature))) < 1e-12)
            let alone = Diagnosis(logits: [logits], temperatures: [.singleDomain: try regime(2)])
            #expect(alone.regime == .singleDomain)
        }
        #expect(Diagnosis(logits: [[3, -2]], temperatures: [:]).regime == nil)
    }

    @Test func breadthIsTheEntropyOfTheLayerMean() {
        #expect(abs(Diagnosis(logits: [[3, 3, 3, 3]], temperatures: [:]).breadth - 1) < 1e-12)
        #expect(Diagnosis(logits: [[30, -40, -40, -40]], temperatures: [:]).breadth < 1e-9)
        let two = Diagnosis(logits: [[30, 30, -40, -40]], temperatures: [:]).breadth
        #expect(abs(two - 0.5) < 1e-9)
    }
}
