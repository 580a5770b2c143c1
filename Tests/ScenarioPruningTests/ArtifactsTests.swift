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
        var budget = CausalMeasurement.Budget()
        (budget.headTokens, budget.feedForwardTokens, budget.draws) = (10, 6, 4)
        options.causalBudget = budget
    }

    func run(_ output: URL, onProgress: @escaping (OfflineTraining.Progress) -> Void = { _ in }) throws
        -> PruningArtifacts
    {
        try OfflineTraining(model, options, output: output, onProgress: onProgress).run()
    }

    /// A whole training, and what one to `output` leaves that was stopped in the importance stage.
    func stopInImportance(in folder: URL) throws -> (whole: URL, output: URL, partial: URL) {
        let whole = folder.appending(path: "whole")
        _ = try run(whole)
        let output = folder.appending(path: "stopped")
        // A progress callback cannot throw, so the stop is a partial folder with the last stages taken away.
        let partial = URL(fileURLWithPath: output.path + ".partial")
        try FileManager.default.copyItem(at: whole, to: partial)
        for name in ["importance.safetensors", "whitelist.json"] {
            try FileManager.default.removeItem(at: partial.appending(path: name))
        }
        return (whole, output, partial)
    }
}

@Suite struct TrainingTests {
    /// Means, and what importance is measured on, are those of the answered texts where a domain has some.
    @Test func answeredTextsAreMeasured() throws {
        try Fixtures.withTemporaryDirectory { folder in
            let training = try TinyTraining(folder)
            let without = try training.run(folder.appending(path: "without"))
            let directory = folder.appending(path: "answered")
            try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
            try JSONEncoder().encode(["what jumps? the fox", "what is lazy? the dog"]).write(
                to: directory.appending(path: "first.json"))
            let answered = try training.run(folder.appending(path: "with"))
            func digest(_ artifacts: PruningArtifacts, _ name: String) -> String? {
                artifacts.manifest.poolDigests[name]
            }
            #expect(digest(without, "answered/first") == digest(without, "train/first"))
            #expect(digest(answered, "answered/first") != digest(answered, "train/first"))
            #expect(digest(answered, "answered/second") == digest(answered, "train/second"))
            let (plain, measured) = (without.importance.heads.means, answered.importance.heads.means)
            for layer in plain.indices {
                func difference(_ domain: Int) -> Float {
                    zip(plain[layer][domain], measured[layer][domain]).map { abs($0 - $1) }.max() ?? 0
                }
                // The channels' order follows the answered texts, and sums over channels their order.
                #expect(difference(0) > 1e-2 && difference(1) < 1e-4)
            }
        }
    }

    @Test func artifactsAreReadAsTheyWereMade() throws {
        try Fixtures.withTemporaryDirectory { folder in
            let training = try TinyTraining(folder)
            let output = folder.appending(path: "artifacts")
            let made = try training.run(output)
            let read = try PruningArtifacts(contentsOf: output, for: training.model)
            #expect(read.manifest == made.manifest)
            #expect(read.probes == made.probes)
            #expect(read.importance == made.importance)
            #expect(read.channelOrder == made.channelOrder)
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
            let (whole, output, _) = try training.stopInImportance(in: folder)
            nonisolated(unsafe) var resumed: [OfflineTraining.Stage] = []
            _ = try training.run(output) { if $0.resumed { resumed.append($0.stage) } }
            #expect(resumed == [.channelOrder, .probes, .calibration])
            for name in try FileManager.default.contentsOfDirectory(atPath: whole.path) {
                #expect(
                    try Data(contentsOf: whole.appending(path: name)) == Data(contentsOf: output.appending(path: name)))
            }
        }
    }

    /// Causal importance is saved after each text; what is left of it ends with the same bytes.
    @Test func causalImportanceGoesOnAfterItsLastText() throws {
        try Fixtures.withTemporaryDirectory { folder in
            let training = try TinyTraining(folder)
            let whole = folder.appending(path: "whole")
            let output = folder.appending(path: "stopped")
            let partial = URL(fileURLWithPath: output.path + ".partial")
            let kept = folder.appending(path: "kept")
            nonisolated(unsafe) var copied = false
            // The first pass of a later text: what is on disk now is what a kill would leave.
            _ = try training.run(output) { progress in
                guard progress.stage == .causal, progress.done > progress.total / 2, !copied else { return }
                copied = (try? FileManager.default.copyItem(at: partial, to: kept)) != nil
            }
            #expect(copied)
            _ = try training.run(whole)
            try FileManager.default.removeItem(at: output)
            try FileManager.default.moveItem(at: kept, to: partial)
            #expect(FileManager.default.fileExists(atPath: partial.appending(path: "causal.json").path))
            nonisolated(unsafe) var first: Int?
            _ = try training.run(output) { if $0.stage == .causal, first == nil { first = $0.done } }
            #expect(try #require(first) > 1)
            #expect(!FileManager.default.fileExists(atPath: output.appending(path: "causal.json").path))
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

    /// Artifacts take the place of artifacts, and of nothing else.
    @Test func whatIsNoArtifactsIsLeftAlone() throws {
        try Fixtures.withTemporaryDirectory { folder in
            let training = try TinyTraining(folder)
            let thesis = Data("years of work".utf8)
            for place in ["mine", "mine.partial", "mine.old"] {
                let foreign = folder.appending(path: place)
                for inside in [nil, "thesis.txt", ".git/HEAD"] {
                    let file = inside.map { foreign.appending(path: $0) } ?? foreign
                    try FileManager.default.createDirectory(
                        at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
                    try thesis.write(to: file)
                    #expect(throws: PruningError.foreignFolder(foreign.relativePath)) {
                        try training.run(folder.appending(path: "mine"))
                    }
                    #expect(try Data(contentsOf: file) == thesis)
                    try FileManager.default.removeItem(at: foreign)
                }
            }
            let output = folder.appending(path: "artifacts")
            for _ in 0..<2 { _ = try training.run(output) }
        }
    }

    /// Inputs of domains that are not selected belong to what probes learn from, but for those that a selected one has.
    @Test func trainingReadsTheBackground() throws {
        try Fixtures.withTemporaryDirectory { folder in
            let training = try TinyTraining(folder)
            let artifacts = try training.run(folder.appending(path: "one"))
            let outside = folder.appending(path: "train/outside.json")
            let texts = try JSONDecoder().decode([String].self, from: Data(contentsOf: outside))
            func probes(_ texts: [String], _ name: String) throws -> [LinearProbe] {
                try JSONEncoder().encode(texts).write(to: outside)
                let artifacts = try training.run(folder.appending(path: name))
                #expect(artifacts.manifest.poolDigests["train/outside"] != nil)
                return artifacts.probes
            }
            #expect(try probes(texts.map { $0 + " zebra" }, "two") != artifacts.probes)
            #expect(try probes(texts + ["the quick brown fox"], "three") == artifacts.probes)
        }
    }

    /// Artifacts of one model do not take the place of another's.
    @Test func artifactsOfAnotherModelAreLeftAlone() throws {
        try Fixtures.withTemporaryDirectory { folder in
            let output = folder.appending(path: "artifacts")
            _ = try TinyTraining(folder).run(output)
            let manifest = output.appending(path: "manifest.json")
            let before = try Data(contentsOf: manifest)
            #expect {
                _ = try TinyTraining(folder, model: "qwen2-tiny").run(output)
            } throws: { error in
                if case PruningError.otherModelsArtifacts(output.relativePath, _) = error { true } else { false }
            }
            #expect(try Data(contentsOf: manifest) == before)
        }
    }

    /// Sums of another shape, and of texts that there are not, are not gone on with.
    @Test(arguments: [(1, 0), (nil, -1), (nil, 1 << 62), (nil, 1)])
    func causalSumsThatDoNotFitAreMeasuredAnew(values: Int?, texts: Int) throws {
        try Fixtures.withTemporaryDirectory { folder in
            let training = try TinyTraining(folder)
            let (whole, output, partial) = try training.stopInImportance(in: folder)
            let configuration = training.model.configuration
            let zeros = Array(repeating: 0, count: values ?? configuration.layers * configuration.heads * 2)
            let sums =
                #"{"sums": {"heads": \#(zeros)}, "tokens": {"heads": [9, 0]}, "texts": {"heads": [\#(texts), 0]}}"#
            try Data(sums.utf8).write(to: partial.appending(path: "causal.json"))
            _ = try training.run(output)
            let importance = "importance.safetensors"
            #expect(
                try Data(contentsOf: whole.appending(path: importance))
                    == Data(contentsOf: output.appending(path: importance)))
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

    /// Also where a manifest of that version holds other things.
    @Test func artifactsOfAnotherVersionAreRefusedByIt() throws {
        try Fixtures.withTemporaryDirectory { folder in
            let training = try TinyTraining(folder)
            let output = folder.appending(path: "artifacts")
            _ = try training.run(output)
            try Data(#"{"formatVersion": 1, "domains": 6}"#.utf8).write(to: output.appending(path: "manifest.json"))
            do {
                _ = try PruningArtifacts(contentsOf: output, for: training.model)
                Issue.record("artifacts of another version were taken")
            } catch let PruningError.unreadableArtifacts(_, detail) {
                #expect(detail.hasPrefix("format version 1, expected "))
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
        let file = try GGUFFile(contentsOf: Fixtures.defaultModel)
        let model = try DecoderModel(
            file, pool: try WorkerPool(), channelOrder: try PruningArtifacts.channelOrder(in: Self.shipped, for: file))
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

    @Test(arguments: PruningCriterion.allCases)
    func whitelistedHeadsStayAndTheFractionIsReached(criterion: PruningCriterion) throws {
        let (_, compiler, artifacts) = try compiler()
        var options = CompilationOptions()
        options.criterion = criterion
        options.budget = .fraction(0.2)
        options.alwaysKeep = .whitelist
        let compiled = try compiler.compile("A chemistry tutor", options)
        #expect(abs(compiled.prunedFraction - 0.2) < 1.0 / 270)
        #expect(compiled.pathway.keptBlocks == nil)
        for (kept, whitelisted) in zip(compiled.pathway.keptHeads, artifacts.whitelist.heads) {
            #expect(Set(whitelisted).isSubset(of: kept))
        }
    }

    /// A joint budget is a share of the model's multiply-adds, whatever the criterion.
    @Test(arguments: PruningCriterion.allCases)
    func jointBudgetsAreReached(criterion: PruningCriterion) throws {
        let (model, compiler, _) = try compiler()
        var options = CompilationOptions()
        options.criterion = criterion
        options.budget = .fraction(0.3)
        options.units = [.heads, .feedForward]
        let compiled = try compiler.compile("A chemistry tutor", options)
        let configuration = model.configuration
        var products = configuration.vocabularySize * configuration.width
        for (heads, blocks) in zip(compiled.pathway.keptHeads, try #require(compiled.pathway.keptBlocks)) {
            let groups = Set(heads.map { $0 / 3 }).count
            products += 2 * (heads.count + groups) * 64 * 576 + 3 * blocks.count * 16 * 576
        }
        let removed = 1 - Double(products) / 134_479_872
        #expect(abs(compiled.multiplyAddsRemoved - removed) < 1e-12)
        #expect(abs(removed - 0.3) < 0.001)
        #expect(compiled.reachedFraction == compiled.multiplyAddsRemoved)
    }

    /// beta = W (the pruned units' means, mixed over the scenario's domains), in float32 by the definition.
    @Test func biasesAreTheMeansOfWhatIsPruned() throws {
        let (model, compiler, artifacts) = try compiler()
        var options = CompilationOptions()
        options.budget = .fraction(0.3)
        options.units = [.heads, .feedForward]
        let compiled = try compiler.compile("A history of the sciences", options)
        let mixture = compiled.diagnosis.mixture
        func bias(_ means: [[Float]], without kept: [Int], size: Int, _ projection: PackedMatrix) throws -> [Float] {
            let pruned = means[0].indices.map { input in
                kept.contains(input / size)
                    ? 0 : Float(zip(mixture, means).reduce(0.0) { $0 + $1.0 * Double($1.1[input]) })
            }
            return try projection.multiply(pruned, on: model.pool)
        }
        let blocks = try #require(compiled.pathway.keptBlocks)
        let blockBiases = try #require(compiled.pathway.feedForwardBiases)
        for layer in [5, 14, 20] {
            let heads = try bias(
                artifacts.importance.heads.means[layer], without: compiled.pathway.keptHeads[layer], size: 64,
                model.layers[layer].output)
            let channels = try bias(
                artifacts.importance.feedForward.means[layer], without: blocks[layer], size: 16,
                model.layers[layer].down)
            // The model's own arithmetic rounds inputs to 8 bits.
            for (found, expected) in [(compiled.pathway.biases[layer], heads), (blockBiases[layer], channels)]
            where expected.contains(where: { $0 != 0 }) {
                #expect(relativeError(found, expected) < 0.02, "layer \(layer)")
            }
            #expect(channels.contains { $0 != 0 })
        }
        options.compensation = .none
        let bare = try compiler.compile("A history of the sciences", options).pathway
        #expect(bare.keptHeads == compiled.pathway.keptHeads)
        #expect(bare.biases.allSatisfy(\.isEmpty) && (bare.feedForwardBiases ?? []).allSatisfy(\.isEmpty))
    }

    @Test func unreachableBudgetsAreReported() throws {
        let (_, compiler, _) = try compiler()
        var options = CompilationOptions()
        options.alwaysKeep = .whitelist
        options.budget = .fraction(1)
        let compiled = try compiler.compile("A chemistry tutor", options)
        #expect(compiled.prunedFraction < 0.95)
        #expect(compiled.warnings.contains { $0.contains("always kept") })
    }

    @Test func foundationLayersAreKeptWhole() throws {
        let (model, compiler, artifacts) = try compiler()
        var options = CompilationOptions()
        (options.alwaysKeep, options.budget) = (.foundation, .fraction(0.6))
        let pathway = try compiler.compile("A chemistry tutor", options).pathway
        let heads = Array(0..<model.configuration.heads)
        let foundation = artifacts.whitelist.foundationLayers
        #expect(foundation == 3 && pathway.keptHeads.prefix(foundation).allSatisfy { $0 == heads })
        #expect(pathway.keptHeads.dropFirst(foundation).contains { $0 != heads })
    }

    private static let shortDescriptions = [
        "chemistry": [
            "chemistry", "a chemistry tutor", "A chemistry tutor", "organic chemistry", "acids and bases",
            "chemical reactions", "the periodic table", "molecules", "a chemist", "help with chemistry homework",
            "polymers", "titration",
        ],
        "finance": [
            "finance", "taxes", "stocks", "a tax desk", "banking", "personal finance", "an accountant",
            "investing for beginners", "loans and mortgages", "the stock market", "budgeting",
            "a financial adviser", "help with taxes",
        ],
        "history": [
            "history", "a history tutor", "world history", "European history", "ancient Rome",
            "the French Revolution", "a historian", "medieval Europe", "World War II", "the Cold War", "empires",
            "a museum guide to ancient Egypt", "What is history about?",
        ],
        "math": [
            "math", "mathematics", "a math tutor", "algebra", "geometry", "calculus help", "probability",
            "number theory", "equations", "fractions for children", "statistics homework", "linear algebra",
            "math homework",
        ],
        "philosophy": [
            "philosophy", "ethics", "a philosophy tutor", "metaphysics", "Kant", "moral dilemmas", "free will",
            "the meaning of life", "epistemology", "existentialism", "Plato and Aristotle", "a philosopher",
        ],
        "technology": [
            "technology", "computers", "programming", "a programming assistant", "software", "an IT help desk",
            "databases", "networks", "smartphones", "cybersecurity", "a Python coding tutor", "cloud computing",
        ],
    ]

    /// Nearly all descriptions of a few words are taken for what they say: how short they are says nothing. With probes
    /// that see the attention sink it would be seven in ten, with inputs that do not name their domain nine.
    @Test func shortDescriptionsAreDiagnosed() throws {
        let (_, compiler, artifacts) = try compiler()
        var (all, wrong) = (0, [] as [String])
        for (domain, descriptions) in Self.shortDescriptions {
            let before = wrong.count
            defer { #expect(wrong.count - before <= 3, "\(domain): \(wrong)") }
            for description in descriptions {
                let mixture = try compiler.diagnose(description).mixture
                let leading = mixture.indices.max { mixture[$0] < mixture[$1] }!
                if artifacts.domains[leading] != domain { wrong.append(description) }
                all += 1
            }
        }
        #expect(Double(wrong.count) <= 0.05 * Double(all), "\(wrong)")
    }

    /// The first quarter of the layers finds the leading domain that all of them find for nearly all of the shipped
    /// scenarios, those of two domains and of none among them.
    @Test func anEarlyExitFindsTheSameDomains() throws {
        let (_, compiler, _) = try compiler()
        let test = Fixtures.root.appending(path: "data/test")
        var (same, all) = (0, 0)
        for file in try FileManager.default.subpathsOfDirectory(atPath: test.path) where file.hasSuffix(".json") {
            let data = try Data(contentsOf: test.appending(path: file))
            for scenario in try JSONDecoder().decode([[String: Description]].self, from: data) {
                let text = try #require(scenario["topic_description"]?.text)
                let mixtures = try [false, true].map { try compiler.diagnose(text, exitingEarly: $0).mixture }
                let domains = mixtures.map { mixture in mixture.firstIndex(of: mixture.max() ?? 0) }
                same += domains[0] == domains[1] ? 1 : 0
                all += 1
            }
        }
        #expect(Double(same) >= 0.95 * Double(all), "\(same) of \(all)")
    }

    /// A scenario's fields, of which only strings matter here.
    private struct Description: Decodable {
        let text: String?

        init(from decoder: any Decoder) throws { text = try? decoder.singleValueContainer().decode(String.self) }
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

    /// A file of another version is refused by its version, whatever else it lacks.
    @Test func pathwayFilesOfAnotherVersionSaySo() throws {
        try Fixtures.withTemporaryDirectory { folder in
            let url = folder.appending(path: "old.json")
            try Data(#"{"formatVersion": 1}"#.utf8).write(to: url)
            let error = #expect(throws: PruningError.self) { try PathwayFile(contentsOf: url) }
            #expect("\(try #require(error))".contains("format version 1, expected"))
        }
    }

    /// A file of a pathway of blocks says which order of channels they are of.
    @Test func pathwaysOfBlocksBelongToTheirOrder() throws {
        let (model, compiler, artifacts) = try compiler()
        var options = CompilationOptions()
        options.units = [.heads, .feedForward]
        options.budget = .fraction(0.2)
        let pathway = try compiler.compile("A tax desk", options).pathway
        try Fixtures.withTemporaryDirectory { folder in
            let url = folder.appending(path: "tax.json")
            try PathwayFile(pathway, for: model).write(to: url)
            let read = try PathwayFile(contentsOf: url).pathway
            #expect(read == pathway)
            #expect(read.channelOrder == artifacts.channelOrder)
            let plain = try model.reloaded(channelOrder: nil)
            #expect(throws: DecoderError.self) { try InferenceSession(plain, along: read) }
            let other = try ScenarioCompiler(plain, artifacts)
            #expect(throws: PruningError.otherChannelOrder) { try other.compile("A tax desk", options) }
        }
    }
}
