import Foundation
import ScenarioPruning
import TestSupport
import Testing

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
