import Checkpoints
import DomainBasis
import Foundation
import ScenarioPruning
import TestSupport
import Testing
import Transformer

/// A small model trained on a few words, in a folder of its own.
private struct TinyTraining {
    let model: DecoderModel
    var options = OfflineTraining.Options()

    init(_ folder: URL, model name: String = "llama-tiny") throws {
        model = try Fixtures.tinyModel(name)
        let pools = [
            "first": ["the quick brown fox", "lazy dog over there", "jumps over foxes", "a brown dog runs"],
            "second": ["def area radius", "print sum in range", "for i in range", "return radius times two"],
            "outside": ["price rose in 2024", "units were sold", "theory of everything", "answer in question"],
        ]
        for split in ["train", "val"] {
            let directory = folder.appending(path: split)
            try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
            for (domain, texts) in pools {
                let varied = split == "train" ? texts : texts.map { $0 + " again" }
                try JSONEncoder().encode(varied).write(to: directory.appending(path: "\(domain).json"))
            }
        }
        options.dataDirectory = folder
        options.domains = ["first", "second"]
        options.probe.epochs = 5
    }

    func run(_ output: URL, onProgress: @escaping (OfflineTraining.Progress) -> Void = { _ in }) throws
        -> PruningArtifacts
    {
        try OfflineTraining(model, options, output: output, onProgress: onProgress).run()
    }
}

@Suite struct ImportanceTests {
    /// The folded matrices against the definition, worked out with whole matrices.
    @Test func foldedImportanceEqualsItsDefinition() throws {
        let model = try Fixtures.tinyModel("llama-tiny")
        let configuration = model.configuration
        var generator = SplitMix64(seed: 4)
        let probes = (0..<configuration.layers).map { _ in
            LinearProbe(
                weights: (0..<2).map { _ in (0..<configuration.width).map { _ in Float(generator.unit() - 0.5) } },
                biases: [0, 0])
        }
        let reader = try FeatureReader(model)
        let texts = ["the quick brown fox", "def area(radius)"]
        let features = try texts.map(reader.features)
        var measurement = HeadImportanceMeasurement(model, probes: probes)
        measurement.add(normalized: features[0], asWritten: features[1], domain: 0)
        measurement.add(normalized: features[1], asWritten: features[0], domain: 0)
        let result = measurement.result
        let size = configuration.headSize
        for layer in 0..<configuration.layers {
            for head in 0..<configuration.heads {
                var energy = 0.0, norm = 0.0
                for (normalized, written) in [(0, 1), (1, 0)] {
                    func write(_ features: LayerFeatures) throws -> [Float] {
                        var x = [Float](repeating: 0, count: configuration.heads * size)
                        for i in head * size..<(head + 1) * size { x[i] = features.heads[layer][i] }
                        return try model.layers[layer].output.multiply(x, on: model.pool)
                    }
                    let residual = try write(features[normalized])
                    let w = probes[layer].weights.map { zip($0, residual).reduce(0.0) { $0 + Double($1.0 * $1.1) } }
                    energy += w[0] * w[0] / (w[0] * w[0] + w[1] * w[1] + 1e-8) / 2
                    func length(_ x: [Float]) -> Double { x.reduce(0.0) { $0 + Double($1 * $1) }.squareRoot() }
                    norm += try length(write(features[written])) / length(features[written].residuals[layer]) / 2
                }
                // Both sides round to single precision at different places.
                #expect(abs(Double(result.axisEnergy[layer, head, 0]) - energy) < 1e-4)
                #expect(abs(Double(result.writeNorm[layer, head, 0]) - norm) < 1e-4 * norm)
                #expect(result.axisEnergy[layer, head, 1] == 0)
            }
            for (i, mean) in result.means[layer][0].enumerated() {
                #expect(abs(mean - (features[0].heads[layer][i] + features[1].heads[layer][i]) / 2) < 1e-6)
            }
        }
    }
}

@Suite struct TrainingTests {
    @Test func artifactsAreReadAsTheyWereMade() throws {
        try Fixtures.withTemporaryDirectory { folder in
            let training = try TinyTraining(folder)
            let output = folder.appending(path: "artifacts")
            let made = try training.run(output)
            let read = try PruningArtifacts(contentsOf: output, for: training.model)
            #expect(read.manifest == made.manifest)
            #expect(read.probes == made.probes)
            #expect(read.importance == made.importance)
            #expect(read.whitelist == made.whitelist)
            #expect(read.temperatures == made.temperatures)
            #expect(Set(read.temperatures.keys) == Set(CalibrationRegime.allCases))
            #expect(!FileManager.default.fileExists(atPath: output.path + ".partial"))
        }
    }

    @Test func theSameInputsGiveTheSameBytes() throws {
        try Fixtures.withTemporaryDirectory { folder in
            let training = try TinyTraining(folder)
            let outputs = ["a", "b"].map { folder.appending(path: $0) }
            for output in outputs { _ = try training.run(output) }
            for name in try FileManager.default.contentsOfDirectory(atPath: outputs[0].path) {
                let bytes = try outputs.map { try Data(contentsOf: $0.appending(path: name)) }
                #expect(bytes[0] == bytes[1], "\(name)")
            }
        }
    }

    /// A run stopped inside the importance stage keeps its probes and temperatures, and ends with the same files.
    @Test func aStoppedRunGoesOnAfterItsLastStage() throws {
        try Fixtures.withTemporaryDirectory { folder in
            let training = try TinyTraining(folder)
            let whole = folder.appending(path: "whole")
            _ = try training.run(whole)
            let output = folder.appending(path: "stopped")
            // A progress callback cannot throw, so the stop is a partial folder with the last stages taken away.
            let partial = URL(fileURLWithPath: output.path + ".partial")
            try FileManager.default.copyItem(at: whole, to: partial)
            for name in ["importance.safetensors", "whitelist.json"] {
                try FileManager.default.removeItem(at: partial.appending(path: name))
            }
            nonisolated(unsafe) var resumed: [OfflineTraining.Stage] = []
            _ = try training.run(output) { if $0.resumed { resumed.append($0.stage) } }
            #expect(resumed == [.probes, .calibration])
            for name in try FileManager.default.contentsOfDirectory(atPath: whole.path) {
                #expect(
                    try Data(contentsOf: whole.appending(path: name)) == Data(contentsOf: output.appending(path: name)))
            }
        }
    }

    @Test func otherInputsStartOver() throws {
        try Fixtures.withTemporaryDirectory { folder in
            var training = try TinyTraining(folder)
            let output = folder.appending(path: "artifacts")
            _ = try training.run(output)
            try FileManager.default.moveItem(atPath: output.path, toPath: output.path + ".partial")
            training.options.seed = 7
            nonisolated(unsafe) var resumed = 0
            _ = try training.run(output) { if $0.resumed { resumed += 1 } }
            #expect(resumed == 0)
        }
    }

    @Test func artifactsOfAnotherModelAreRefusedByName() throws {
        try Fixtures.withTemporaryDirectory { folder in
            let output = folder.appending(path: "artifacts")
            _ = try TinyTraining(folder).run(output)
            let other = try Fixtures.tinyModel("llama-rope-scaled-tiny")
            do {
                _ = try PruningArtifacts(contentsOf: output, for: other)
                Issue.record("artifacts of another model were taken")
            } catch let PruningError.wrongModel(_, made, _, found) {
                #expect(made.contains(try Fixtures.tinyModel("llama-tiny").fingerprint.description))
                #expect(found == other.fingerprint.description)
            }
        }
    }

    @Test func damagedArtifactsAreRefused() throws {
        try Fixtures.withTemporaryDirectory { folder in
            let training = try TinyTraining(folder)
            let output = folder.appending(path: "artifacts")
            _ = try training.run(output)
            for name in try FileManager.default.contentsOfDirectory(atPath: output.path) {
                let url = output.appending(path: name)
                let whole = try Data(contentsOf: url)
                for damaged in [Data(), whole.prefix(whole.count / 2), Data("{}".utf8)] {
                    try damaged.write(to: url)
                    #expect(throws: PruningError.self) { try PruningArtifacts(contentsOf: output, for: training.model) }
                }
                try FileManager.default.removeItem(at: url)
                #expect(throws: PruningError.self) { try PruningArtifacts(contentsOf: output, for: training.model) }
                try whole.write(to: url)
            }
        }
    }
}

@Suite struct CompilerTests {
    private static let shipped = Fixtures.root.appending(path: "artifacts/smollm2-135m-instruct")

    private func compiler() throws -> (DecoderModel, ScenarioCompiler, PruningArtifacts) {
        let model = try DecoderModel(contentsOf: Fixtures.defaultModel)
        let artifacts = try PruningArtifacts(contentsOf: Self.shipped, for: model)
        return (model, try ScenarioCompiler(model, artifacts), artifacts)
    }

    /// The shipped probes know the shipped domains, and a description of each is diagnosed as it.
    @Test func shippedArtifactsKnowTheirDomains() throws {
        let (_, compiler, artifacts) = try compiler()
        let accuracy = artifacts.validationAccuracy.reduce(0, +) / Double(artifacts.validationAccuracy.count)
        #expect(accuracy >= 0.85)
        let descriptions = [
            "chemistry": "A tutor for acids, bases, molecules and chemical bonds",
            "finance": "An adviser on bonds, loans, interest rates and stock market investments",
            "history": "A guide to the wars, empires and revolutions of early modern Europe",
            "math": "Help with algebra, derivatives, integrals and proofs about prime numbers",
            "philosophy": "A seminar on ethics, free will, knowledge and the philosophy of mind",
            "technology": "Support for software, computer networks, databases and processors",
        ]
        for (domain, description) in descriptions {
            let relevance = try compiler.diagnose(description).relevance
            let index = try #require(artifacts.domains.firstIndex(of: domain))
            #expect(relevance[index] == relevance.max(), "\(domain): \(relevance)")
        }
    }

    @Test func whitelistedHeadsStayAndTheFractionIsReached() throws {
        let (_, compiler, artifacts) = try compiler()
        var options = CompilationOptions()
        for criterion in PruningCriterion.allCases {
            options.criterion = criterion
            options.budget = .fraction(0.2)
            let compiled = try compiler.compile("A chemistry tutor", options)
            #expect(abs(compiled.prunedFraction - 0.2) < 1.0 / 270)
            for (kept, whitelisted) in zip(compiled.pathway.keptHeads, artifacts.whitelist.heads) {
                #expect(Set(whitelisted).isSubset(of: kept))
            }
        }
    }

    @Test func unreachableBudgetsAreReported() throws {
        let (_, compiler, _) = try compiler()
        var options = CompilationOptions()
        options.budget = .fraction(1)
        let compiled = try compiler.compile("A chemistry tutor", options)
        #expect(compiled.prunedFraction < 0.95)
        #expect(compiled.warnings.contains { $0.contains("always kept") })
    }

    @Test func theSameScenarioCompilesTheSamePathway() throws {
        let (_, compiler, _) = try compiler()
        let first = try compiler.compile("A tax desk", strength: 0.4)
        #expect(try compiler.compile("A tax desk", strength: 0.4) == first)
    }

    @Test func badInputIsRefused() throws {
        let (_, compiler, _) = try compiler()
        #expect(throws: PruningError.emptyDescription) { try compiler.compile("  \n", strength: 0.4) }
        #expect(throws: PruningError.self) { try compiler.compile("A tax desk", strength: 1.5) }
        #expect(throws: PruningError.self) { try compiler.compile("A tax desk", strength: -.infinity) }
        #expect(throws: PruningError.self) { try compiler.compile("A tax desk", strength: .nan) }
    }

    @Test func pathwayFilesBelongToTheirModel() throws {
        let (model, compiler, _) = try compiler()
        let pathway = try compiler.compile("A tax desk", strength: 0.4)
        try Fixtures.withTemporaryDirectory { folder in
            let url = folder.appending(path: "tax.json")
            try PathwayFile(pathway, for: model).write(to: url)
            #expect(try PathwayFile(contentsOf: url, for: model).pathway == pathway)
            let other = try Fixtures.tinyModel("llama-tiny")
            #expect(throws: PruningError.self) { try PathwayFile(contentsOf: url, for: other) }
        }
    }
}
