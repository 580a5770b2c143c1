import Basics
import Tokenizers
import Checkpoints
import DomainBasis
import Foundation
import TestSupport
import Testing
import Transformer

private struct Reference: Decodable {
    struct Components: Decodable {
        let rows: [[Double]]
        let weights: [Double]
        let mean: [Double]
        let variances: [Double]
        let directions: [[Double]]
        let totalVariance: Double
    }
    struct Selection: Decodable {
        let axes: [[Double]]
        let count: Int
        let balance: Double
        let included: [Int]
        let chosen: [Int]
        let separation: Double
        let coverage: [Double]
        let objective: Double
        let sets: Int
    }
    let principalComponents: [Components]
    let selection: [Selection]

    static func read() throws -> Reference {
        try JSONDecoder().decode(Reference.self, from: Data(contentsOf: Fixtures.url("domains.json")))
    }
}

private func product(_ first: [Double], _ second: [Double]) -> Double {
    zip(first, second).reduce(0) { $0 + $1.0 * $1.1 }
}

/// Random unit vectors.
private func randomAxes(_ count: Int, _ dimensions: Int, seed: UInt64) -> [[Double]] {
    var generator = SplitMix64(seed: seed)
    return (0..<count).map { _ in
        let vector = (0..<dimensions).map { _ in generator.unit() + generator.unit() + generator.unit() - 1.5 }
        let length = product(vector, vector).squareRoot()
        return vector.map { $0 / length }
    }
}

private func names(_ count: Int) -> [String] { (0..<count).map { String(format: "d%02d", $0) } }

@Suite struct PrincipalComponentsTests {
    /// The iteration stops at residuals of 1e-10 of the largest variance; a direction's error is its residual over the
    /// gap to the next variance, and in these small cases the block spans everything, so all are exact to rounding.
    @Test func componentsAgreeWithNumPy() throws {
        for item in try Reference.read().principalComponents {
            let found = PrincipalComponents(item.rows, weights: item.weights, count: item.variances.count)
            let largest = item.variances[0]
            #expect(zip(found.mean, item.mean).allSatisfy { abs($0 - $1) < 1e-12 })
            #expect(found.variances.count == item.variances.count)
            #expect(zip(found.variances, item.variances).allSatisfy { abs($0 - $1) < 1e-12 * largest })
            #expect(abs(found.totalVariance - item.totalVariance) < 1e-12 * item.totalVariance)
            for (direction, expected) in zip(found.directions, item.directions) {
                #expect(zip(direction, expected).allSatisfy { abs($0 - $1) < 1e-8 })
            }
        }
    }

    /// Wider than the block, so that the iteration has to converge: eigenpairs by their definition.
    @Test func componentsOfManyFeaturesAreEigenvectors() {
        var generator = SplitMix64(seed: 3)
        let rows = (0..<150).map { _ in (0..<90).map { (generator.unit() - 0.5) / (1 + 0.05 * Double($0)) } }
        let found = PrincipalComponents(rows, count: 5)
        #expect(found.variances.count == 5)
        #expect(zip(found.variances, found.variances.dropFirst()).allSatisfy { $0 >= $1 })
        for (index, direction) in found.directions.enumerated() {
            for (other, second) in found.directions.enumerated() {
                #expect(abs(product(direction, second) - (index == other ? 1 : 0)) < 1e-12)
            }
            var image = [Double](repeating: 0, count: 90)
            for row in rows {
                let along = product(zip(row, found.mean).map { $0 - $1 }, direction) / 150
                for i in image.indices { image[i] += along * (row[i] - found.mean[i]) }
            }
            let rest = zip(image, direction).map { $0 - found.variances[index] * $1 }
            #expect(product(rest, rest).squareRoot() < 2e-10 * found.variances[0])
        }
        // The start decides nothing.
        let again = PrincipalComponents(rows, count: 5, seed: 99)
        #expect(zip(found.variances, again.variances).allSatisfy { abs($0 - $1) < 1e-9 * found.variances[0] })
    }

    @Test func onlyDirectionsWithVarianceCount() {
        let line = (0..<9).map { [Double($0), 2 * Double($0), 5] }
        let found = PrincipalComponents(line, count: 3)
        #expect(found.directions.count == 1)
        #expect(abs(found.explainedVariance - 1) < 1e-12)
        #expect(abs(found.coordinates(of: [4, 8, 5])[0]) < 1e-12)
        #expect(PrincipalComponents([[1, 2], [1, 2]], count: 2).directions.isEmpty)
        #expect(PrincipalComponents([], count: 2).directions.isEmpty)
    }
}

@Suite struct DomainSelectionTests {
    @Test func selectionAgreesWithBruteForceInNumPy() throws {
        for item in try Reference.read().selection {
            var options = DomainSelection.Options()
            options.count = item.count
            options.balance = item.balance
            options.included = item.included.map { names(item.axes.count)[$0] }
            let found = try DomainSelection(candidates: names(item.axes.count), axes: item.axes, options)
            #expect(found.search == .exhaustive)
            #expect(found.setsScored == item.sets)
            #expect(found.chosenIndices == item.chosen)
            #expect(abs(found.separation - item.separation) < 1e-12)
            #expect(abs(found.objective - item.objective) < 1e-12)
            #expect(zip(found.coverageByCandidate, item.coverage).allSatisfy { abs($0 - $1) < 1e-12 })
        }
    }

    /// Never better than every set scored, never worse than adding one at a time, and no single swap would help.
    @Test func greedySearchIsBounded() throws {
        var options = DomainSelection.Options()
        options.count = 4
        var agreements = 0
        for seed in 0..<20 as Range<UInt64> {
            let axes = randomAxes(12, 6, seed: seed)
            func objective(_ members: [Int]) throws -> Double {
                var fixed = DomainSelection.Options()
                fixed.count = members.count
                fixed.included = members.map { names(12)[$0] }
                return try DomainSelection(candidates: names(12), axes: axes, fixed).objective
            }
            var plain: [Int] = []
            while plain.count < 4 {
                let scored = try (0..<12).filter { !plain.contains($0) }.map { ($0, try objective(plain + [$0])) }
                plain.append(try #require(scored.max { $0.1 < $1.1 }).0)
            }
            options.exhaustiveLimit = 200_000
            let best = try DomainSelection(candidates: names(12), axes: axes, options)
            options.exhaustiveLimit = 494  // 12 over 4 is 495.
            let greedy = try DomainSelection(candidates: names(12), axes: axes, options)
            #expect(best.search == .exhaustive && greedy.search == .greedy)
            #expect(greedy.objective <= best.objective + 1e-12)
            #expect(greedy.objective >= (try objective(plain)) - 1e-12)
            for member in greedy.chosenIndices {
                for other in 0..<12 where !greedy.chosenIndices.contains(other) {
                    let swapped = greedy.chosenIndices.map { $0 == member ? other : $0 }
                    #expect(try objective(swapped) <= greedy.objective + 2e-12)
                }
            }
            agreements += greedy.chosen == best.chosen ? 1 : 0
        }
        #expect(agreements >= 10)
    }

    /// Three axes at right angles among copies of them tilted a little: both searches find them.
    @Test(arguments: [0, 200_000]) func axesAtRightAnglesAreChosen(exhaustiveLimit: Int) throws {
        let tilted = [0.8, 0.6, 0]
        let axes = [tilted, [1, 0, 0], [0, 1, 0], [0.6, 0, 0.8], [0, 0, 1], [0, 0.28, 0.96]]
        var options = DomainSelection.Options()
        options.count = 3
        options.exhaustiveLimit = exhaustiveLimit
        let found = try DomainSelection(candidates: names(6), axes: axes, options)
        #expect(found.chosen == ["d01", "d02", "d04"])
        #expect(abs(found.objective - 1) < 1e-12)
        options.included = ["d00"]
        #expect(try DomainSelection(candidates: names(6), axes: axes, options).chosen.contains("d00"))
    }

    /// Twins are told apart by name alone, in whatever order they come.
    @Test(arguments: [0, 200_000]) func tiesGoToTheFirstName(exhaustiveLimit: Int) throws {
        var options = DomainSelection.Options()
        options.count = 2
        options.exhaustiveLimit = exhaustiveLimit
        let axes: [[Double]] = [[0, 1], [1, 0], [0, 1], [1, 0]]
        let found = try DomainSelection(candidates: ["zeta", "beta", "alpha", "gamma"], axes: axes, options)
        #expect(found.chosen == ["alpha", "beta"])
        #expect(found.candidates == ["alpha", "beta", "gamma", "zeta"])
        #expect(found.coverageByCandidate.allSatisfy { abs($0 - 1) < 1e-12 })
        // A twin adds nothing to what is spanned.
        options.included = ["alpha", "zeta"]
        let twins = try DomainSelection(candidates: ["zeta", "beta", "alpha", "gamma"], axes: axes, options)
        #expect(twins.separation == 0 && abs(twins.coverage - 0.5) < 1e-12)
    }

    @Test func whatCannotBeChosenIsNamed() throws {
        let axes = randomAxes(3, 3, seed: 1)
        func select(_ candidates: [String], count: Int = 2, included: [String] = []) throws {
            var options = DomainSelection.Options()
            options.count = count
            options.included = included
            _ = try DomainSelection(candidates: candidates, axes: axes, options)
        }
        #expect(throws: DomainSelectionError.tooFewCandidates(found: 3, wanted: 4)) {
            try select(["a", "b", "c"], count: 4)
        }
        #expect(throws: DomainSelectionError.unknownDomain("x", known: ["a", "b", "c"])) {
            try select(["c", "b", "a"], included: ["x"])
        }
        #expect(throws: DomainSelectionError.duplicateDomain("a")) { try select(["a", "b", "a"]) }
        #expect(throws: DomainSelectionError.duplicateDomain("b")) {
            try select(["a", "b", "c"], included: ["b", "b"])
        }
        #expect(throws: DomainSelectionError.tooManyIncluded(3, count: 2)) {
            try select(["a", "b", "c"], included: ["a", "b", "c"])
        }
        // The same letter, composed and decomposed.
        #expect(throws: DomainSelectionError.self) { try select(["caf\u{E9}", "cafe\u{301}", "b"]) }
    }
}

@Suite struct DomainSpaceTests {
    /// Texts around a corner of their domain, on features of very different scales.
    static func pool(_ domain: String, corner: Int, texts: Int, seed: UInt64, width: Int = 6) -> EmbeddedPool {
        var generator = SplitMix64(seed: seed)
        return EmbeddedPool(
            domain: domain,
            embeddings: (0..<texts).map { _ in
                (0..<width).map { feature in
                    Float(pow(10, Double(feature % 3)) * ((feature == corner ? 4 : 0) + generator.unit()))
                }
            })
    }

    @Test func domainsWeighTheSameHoweverManyTexts() throws {
        let one = Self.pool("one", corner: 0, texts: 8, seed: 1)
        let two = Self.pool("two", corner: 1, texts: 8, seed: 2)
        let three = Self.pool("three", corner: 2, texts: 8, seed: 3)
        let tripled = EmbeddedPool(
            domain: "two", embeddings: Array(repeating: two.embeddings, count: 3).flatMap(\.self))
        let space = try DomainSpace([one, two, three], dimensions: 3)
        let larger = try DomainSpace([three, tripled, one], dimensions: 3)
        #expect(space.domains == ["one", "three", "two"] && larger.domains == space.domains)
        #expect(larger.coordinates.map(\.count) == [8, 8, 24])
        for (first, second) in zip(space.orthogonality.joined(), larger.orthogonality.joined()) {
            #expect(abs(first - second) < 1e-6)
        }
        // Three means about their own mean lie at 120 degrees, whichever way noise turns them a little.
        #expect(space.orthogonality.enumerated().allSatisfy { $1[$0] == 0 })
        #expect(abs(space.orthogonality[0][1] - 0.5) < 0.1)
    }

    /// Every text lies some way along one direction, far more than domains differ: axes take no notice.
    @Test func sinksDoNotCount() throws {
        var generator = SplitMix64(seed: 5)
        let sink: [Float] = [30, -200, 3000, 25, 250, 2000]
        let pools = (0..<3).map { corner in
            let pool = Self.pool("d\(corner)", corner: corner, texts: 12, seed: UInt64(corner))
            let shifted = pool.embeddings.map { row in
                let share = Float(generator.unit()) + 0.2 * Float(corner)
                return zip(row, sink).map { $0 + share * $1 }
            }
            return (pool, EmbeddedPool(domain: pool.domain, embeddings: shifted, sink: sink.map { 100 * $0 }), shifted)
        }
        // What lies along the sinks in standardised features is gone, and with it nearly all variance.
        let clean = try DomainSpace(pools.map(\.1), dimensions: 4)
        let polluted = try DomainSpace(
            pools.map { EmbeddedPool(domain: $0.0.domain, embeddings: $0.2) }, dimensions: 4)
        #expect(clean.components.totalVariance < 0.5 * polluted.components.totalVariance)
        func apart(_ space: DomainSpace) -> Int {
            space.coordinates.enumerated().reduce(0) { sum, pool in
                sum
                    + pool.element.count { point in
                        let along = space.axes.map { product($0, point) }
                        return along[pool.offset] == along.max()
                    }
            }
        }
        #expect(apart(clean) >= 34)
        #expect(apart(polluted) < 30)
    }

    @Test func domainsWithoutDirectionAreRefused() throws {
        let one = Self.pool("one", corner: 0, texts: 4, seed: 1)
        #expect(throws: DomainSelectionError.noDirection("one")) { try DomainSpace([one]) }
        #expect(throws: DomainSelectionError.duplicateDomain("one")) { try DomainSpace([one, one]) }
        #expect(throws: DomainSelectionError.emptyPool("none")) {
            try DomainSpace([one, EmbeddedPool(domain: "none", embeddings: [])])
        }
        let twin = EmbeddedPool(domain: "twin", embeddings: one.embeddings)
        #expect(throws: DomainSelectionError.noDirection("one")) { try DomainSpace([one, twin]) }
        let broken = EmbeddedPool(domain: "broken", embeddings: [Array(repeating: .nan, count: 6)])
        #expect(throws: DomainSelectionError.self) { try DomainSpace([one, broken]) }
    }

    @Test func textsOfAModelAreEmbeddedAlike() throws {
        let model = try Fixtures.tinyModel("llama-tiny")
        let reader = try FeatureReader(model)
        let pool = TextPool(domain: "a", texts: ["the acid and the base", "a bond"])
        var seen = 0
        let embedded = try reader.embed(pool) { seen += 1 }
        #expect(seen == 2)
        #expect(embedded.domain == "a" && embedded.embeddings.count == 2)
        // The mean over the tokens after the first, at the middle layer.
        let session = try InferenceSession(model)
        let ids = model.tokenizer.encodeText("acid base")
        let layer = model.configuration.layers / 2
        let all = try session.taps(over: ids, of: .residuals).residual(layer: layer)
        session.reset()
        let first = try session.taps(over: Array(ids.prefix(1)), of: .residuals).residual(layer: layer)
        let count = Float(ids.count)
        for (value, (mean, sink)) in zip(embedded.embeddings[0], zip(all, first)) {
            #expect(abs(value - (mean * count - sink) / (count - 1)) < 1e-4)
        }
        #expect(embedded.sink.count == model.configuration.width)
        // Stopwords are no part of what is embedded.
        #expect(embedded == (try reader.embed(TextPool(domain: "a", texts: ["acid base", "bond"]))))
    }
}
