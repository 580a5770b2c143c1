import Foundation
import ScenarioPruning
import Testing

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
