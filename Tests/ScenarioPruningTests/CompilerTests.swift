import Checkpoints
import Foundation
import ScenarioPruning
import TestSupport
import Testing
import Transformer

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
