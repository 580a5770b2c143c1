import DomainBasis
import Foundation
import ScenarioPruning
import Testing

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

    @Test func theMixtureIsTheSoftmaxOfAMeanOverLayers() {
        let mixture = Diagnosis(logits: [[2, 0, -1], [5, 3, -4]], temperatures: [:]).mixture
        let weights = [exp(3.0), exp(1.0), exp(-2.0)]
        for (found, weight) in zip(mixture, weights) { #expect(abs(found - weight / weights.reduce(0, +)) < 1e-12) }
    }

    /// Of five layers the first two are the first quarter.
    @Test func theFirstQuarterCountsTwiceAsMuchAsTheRest() {
        let early: [[Double]] = [[2, 0], [4, 2]]
        let mixture = Diagnosis(logits: early + [[1, 5], [-1, 1], [0, 3]], temperatures: [:]).mixture
        #expect(abs(mixture[0] - 1 / (1 + exp(5.0 / 3 - 2.0))) < 1e-12)
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
