import Basics
import DomainBasis
import TestSupport
import Testing

private struct Reference: Decodable {
    struct CalibrationError: Decodable {
        let probabilities: [Double]
        let labels: [Double]
        let error: Double
    }
    struct Temperature: Decodable {
        let logits: [[Double]]
        let labels: [[Double]]
        let temperature: Double
    }
    let calibrationError: [CalibrationError]
    let temperature: [Temperature]

    static func read() throws -> Reference {
        try JSONDecoder().decode(Reference.self, from: Data(contentsOf: Fixtures.url("statistics.json")))
    }
}

@Suite struct CalibrationTests {
    @Test func whatIsNoProbabilityFallsInTheNearestBin() {
        #expect(expectedCalibrationError(probabilities: [-1, 2], labels: [0, 1]) == 1)
        #expect(expectedCalibrationError(probabilities: [.nan], labels: [0]).isNaN)
    }

    @Test func calibrationErrorAgreesWithNumPy() throws {
        for item in try Reference.read().calibrationError {
            let error = expectedCalibrationError(probabilities: item.probabilities, labels: item.labels)
            #expect(abs(error - item.error) < 1e-12)
        }
    }

    /// SciPy's bounded minimiser stops where the loss is flat to its rounding, so temperatures agree to six digits.
    @Test func temperaturesAgreeWithSciPy() throws {
        for item in try Reference.read().temperature {
            let temperature = TemperatureCalibration.temperature(logits: item.logits, labels: item.labels)
            #expect(abs(temperature - item.temperature) < 1e-5 * item.temperature)
        }
    }

    @Test func temperaturesStayInRange() {
        #expect(TemperatureCalibration.temperature(logits: [[5], [-5]], labels: [[1], [0]]) < 0.051)
        #expect(TemperatureCalibration.temperature(logits: [[5], [-5]], labels: [[0], [1]]) > 19.9)
    }
}

@Suite struct LinearProbeTests {
    /// Two Gaussian clouds on a feature of enormous scale: standardisation makes them learnable.
    private func clouds(_ count: Int, seed: UInt64) -> (rows: [[Float]], domains: [Int]) {
        var generator = SplitMix64(seed: seed)
        var rows: [[Float]] = []
        var domains: [Int] = []
        for index in 0..<count {
            let domain = index % 3
            let noise = (0..<6).map { _ in Float(generator.unit() + generator.unit() - 1) }
            var row = noise.map { $0 * 0.4 }
            row[domain] += 1
            row[5] = 5000 + 800 * noise[5]
            rows.append(row)
            domains.append(domain)
        }
        return (rows, domains)
    }

    private let noSink = AttentionSink(direction: Array(repeating: 0, count: 6))

    /// A text's part along the sink is one over its number of tokens, and its domain stands in the rest of it.
    @Test func probesDoNotSeeTheAttentionSink() throws {
        let sink: [Float] = [300, -400, 0, 0, 0, 0]
        func withSink(_ row: [Float], tokens: Float) -> [Float] { zip(row, sink).map { $0 + $1 / tokens } }
        let (train, validation) = (clouds(240, seed: 1), clouds(90, seed: 2))
        let rows = train.rows.enumerated().map { withSink($1, tokens: 20 + Float($0 % 7)) }
        var measurement = AttentionSinkMeasurement()
        for row in rows { measurement.add(first: [withSink(row, tokens: 1)], mean: [row]) }
        let measured = measurement.sinks[0]
        #expect(abs(measured.direction[0] - 0.6) < 1e-6 && abs(measured.direction[1] + 0.8) < 1e-6)
        let probe = ProbeTraining().train(
            residuals: rows, domains: train.domains, validation: (validation.rows, validation.domains), domainCount: 3,
            ignoring: measured)
        for row in validation.rows {
            // Single precision leaves 3e-5 of the sink's length of 500 in them.
            for (short, long) in zip(probe.logits(withSink(row, tokens: 1)), probe.logits(withSink(row, tokens: 1000)))
            {
                #expect(abs(short - long) < 1e-2)
            }
        }
    }

    @Test func separableDomainsAreLearned() {
        let train = clouds(240, seed: 1)
        let validation = clouds(90, seed: 2)
        let probe = ProbeTraining().train(
            residuals: train.rows, domains: train.domains, validation: (validation.rows, validation.domains),
            domainCount: 3, ignoring: noSink)
        #expect(probe.accuracy(validation.rows, domains: validation.domains) > 0.97)
        let again = ProbeTraining().train(
            residuals: train.rows, domains: train.domains, validation: (validation.rows, validation.domains),
            domainCount: 3, ignoring: noSink)
        #expect(again == probe)
    }

    /// Texts of no domain teach the probes where none of them is.
    @Test func textsOfNoDomainAreNoneOfThem() {
        let train = clouds(240, seed: 1)
        let validation = clouds(90, seed: 2)
        let outside = clouds(80, seed: 3).rows.map { row in
            var row = row
            row[3] += 2
            for i in 0..<3 { row[i] *= 0.7 }
            return row
        }
        var training = ProbeTraining()
        training.epochs = 100
        func probe(_ background: ArraySlice<[Float]>) -> LinearProbe {
            training.train(
                residuals: train.rows + background, domains: train.domains + background.map { _ in nil },
                validation: (validation.rows, validation.domains), domainCount: 3, ignoring: noSink)
        }
        let (without, with) = (probe([]), probe(outside[..<60]))
        #expect(with.accuracy(validation.rows, domains: validation.domains) > 0.97)
        func largest(_ probe: LinearProbe) -> Double {
            outside[60...].reduce(0) { $0 + sigmoid(probe.logits($1).max()!) } / 20
        }
        #expect(largest(with) < 0.5 && largest(without) > 0.6, "\(largest(with)), \(largest(without))")
    }

    @Test func crossEntropyNeitherOverflowsNorCancels() {
        #expect(binaryCrossEntropy(logit: 1000, label: 1) == 0)
        #expect(binaryCrossEntropy(logit: 1000, label: 0) == 1000)
        #expect(
            abs(
                binaryCrossEntropy(logit: 0.3, label: 0.25) - (-0.25 * log(sigmoid(0.3)) - 0.75 * log(1 - sigmoid(0.3)))
            ) < 1e-12)
    }
}

@Suite struct TextTests {
    @Test func stopwordsGoAndWordsStay() {
        #expect(TextNormalization.apply("What is the boiling point of water, and why?") == "boiling point water,")
        #expect(TextNormalization.apply("The  who\nof it") == "The who of it")
        #expect(TextNormalization.apply("") == "")
    }

    @Test func similarityFollowsTheAxes() {
        func cloud(_ axis: Int) -> [[Float]] {
            (0..<8).map { index in (0..<4).map { ($0 == axis ? 3 : 0) + Float((index * 7 + $0 * 3) % 5) * 0.1 } }
        }
        let axes = DomainAxes(pools: [cloud(0), cloud(1), cloud(2)])
        let similarity = axes.similarity(of: cloud(1))
        #expect(similarity[1] > 0.99)
        #expect(similarity[0] < 0.2 && similarity[2] < 0.2)
    }

    @Test func missingAndMalformedPoolsAreNamed() throws {
        try Fixtures.withTemporaryDirectory { folder in
            try Data(#"["one", "two"]"#.utf8).write(to: folder.appending(path: "good.json"))
            try Data(#"{"a": 1}"#.utf8).write(to: folder.appending(path: "bad.json"))
            try Data(#"["x", "  "]"#.utf8).write(to: folder.appending(path: "blank.json"))
            #expect(try TextPool(domain: "good", in: folder).texts == ["one", "two"])
            #expect(
                throws: TextPoolError.unknownDomain("alchemy", directory: folder.path, known: ["bad", "blank", "good"])
            ) {
                try TextPool(domain: "alchemy", in: folder)
            }
            for name in ["bad", "blank"] {
                #expect(throws: TextPoolError.self) { try TextPool(domain: name, in: folder) }
            }
        }
    }
}
