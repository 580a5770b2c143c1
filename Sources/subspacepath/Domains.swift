import ArgumentParser
import Basics
import DomainBasis

struct Domains: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Choose the domains that a model tells apart best and that stand for the most others.",
        discussion: """
            Domain-Basis Synthesis. Reads a folder of candidate pools, <name>.json, each a list of strings; embeds \
            each text by the model's own mean residual at its middle layer, stopwords removed and without the first \
            token, an attention sink; takes each domain's mean direction on the leading principal components as its \
            axis; and chooses the domains whose axes balance separation (pairwise 1 - |cos|) against coverage (how \
            well they span every candidate's axis).
            `train --selected-domains` takes what is chosen.

            EXAMPLES
              subspacepath domains --output results/domains.svg
              subspacepath domains --pools my/pools --count 4 --include law medicine
            """)

    @OptionGroup var model: ModelOptions

    @Option(help: "The folder of train/, whose pools are the candidates.")
    var dataDir = "data"

    @Option(help: "A folder of candidate pools, instead.")
    var pools: String?

    @Option(parsing: .unconditional, help: "How many domains to choose.")
    var count = DomainSelection.Options().count

    @Option(parsing: .upToNextOption, help: "Domains that must be chosen.")
    var include: [String] = []

    @Option(parsing: .unconditional, help: "Texts of each domain, drawn by the seed. (default: all)")
    var numSamplesPerDomain: Int?

    @Option(parsing: .unconditional, help: "Principal components that axes are compared on.")
    var dimensions = DomainSpace.defaultDimensions

    @Option(parsing: .unconditional, help: "The weight of separation, in [0, 1]; coverage has the rest.")
    var balance = DomainSelection.Options().balance

    @Option(parsing: .unconditional, help: "The same seed draws the same texts.")
    var seed: UInt64 = 42

    @Option(help: "Draw the matrix and the texts to this .svg file.")
    var output: String?

    @Flag(help: "Print one JSON object.")
    var json = false

    private struct Output: Encodable {
        let chosen: [String]
        let objective: Double
        let separation: Double
        let coverage: Double
        let balance: Double
        let search: DomainSelection.Search
        let setsScored: Int
        let candidates: [String]
        let orthogonality: [[Double]]
        let coverageByCandidate: [String: Double]
        let textsByCandidate: [String: Int]
        let dimensions: Int
        let explainedVariance: Double
        let output: String?
        let seconds: Double
    }

    func validate() throws {
        if count < 1 { throw ValidationError("--count is \(count), expected at least 1") }
        if dimensions < 1 { throw ValidationError("--dimensions is \(dimensions), expected at least 1") }
        if !(0...1).contains(balance) { throw ValidationError("--balance is \(balance), expected 0 to 1") }
        if let numSamplesPerDomain, numSamplesPerDomain < 1 {
            throw ValidationError("--num-samples-per-domain is \(numSamplesPerDomain), expected at least 1")
        }
        if let output, !output.lowercased().hasSuffix(".svg") {
            throw ValidationError("--output is \"\(output)\", expected a file that ends in .svg")
        }
    }

    func run() throws {
        let clock = ContinuousClock()
        let start = clock.now
        var options = DomainSelection.Options()
        options.count = count
        options.balance = balance
        options.included = include
        let candidates = try readPools(options)
        let space = try DomainSpace(try embed(candidates), dimensions: dimensions, seed: seed)
        let selection = try DomainSelection(space, options)
        let names = selection.candidates
        let result = Output(
            chosen: selection.chosen, objective: selection.objective, separation: selection.separation,
            coverage: selection.coverage, balance: balance, search: selection.search,
            setsScored: selection.setsScored, candidates: names, orthogonality: space.orthogonality,
            coverageByCandidate: Dictionary(uniqueKeysWithValues: zip(names, selection.coverageByCandidate)),
            textsByCandidate: Dictionary(uniqueKeysWithValues: zip(names, space.coordinates.map(\.count))),
            dimensions: space.components.directions.count, explainedVariance: space.components.explainedVariance,
            output: output, seconds: (clock.now - start).inSeconds)
        // What was chosen is drawn even where it cannot be shown, and shown where it cannot be written.
        let written = Result {
            try output.map {
                try WholeFile.write(Data(DomainPicture(space, selection).svg.utf8), to: URL(fileURLWithPath: $0))
            }
        }
        if json {
            try Console.printJSON(result)
        } else {
            let others = names.indices.filter { !selection.chosenIndices.contains($0) }
            show(result, order: selection.chosenIndices + others)
        }
        try written.get()
    }

    /// The candidates, held against the options before a model is read.
    private func readPools(_ options: DomainSelection.Options) throws -> [TextPool] {
        let directory =
            pools.map { URL(fileURLWithPath: $0) } ?? URL(fileURLWithPath: dataDir).appending(path: "train")
        let names = TextPool.domains(in: directory)
        guard !names.isEmpty else { throw DomainSelectionError.noPools(directory: directory.relativePath) }
        try options.check(candidates: names)
        return try names.map {
            try TextPool(domain: $0, in: directory).sample(numSamplesPerDomain, seed: seed)
        }
    }

    private func embed(_ candidates: [TextPool]) throws -> [EmbeddedPool] {
        let reader = try FeatureReader(try model.load())
        let total = candidates.reduce(0) { $0 + $1.texts.count }
        let line = ProgressLine("texts")
        defer { line.finish() }
        var done = 0
        return try candidates.map { pool in
            try reader.embed(pool) {
                done += 1
                line.update(done: done, total: total)
            }
        }
    }

    private func show(_ result: Output, order: [Int]) {
        func decimal(_ value: Double) -> String { formatted("%.2f", value) }
        let names = result.candidates.map(\.printable)
        let marked = order.enumerated().map { row, index in
            "\(row + 1) \(names[index])\(row < result.chosen.count ? " *" : "")"
        }
        let texts = result.textsByCandidate.values.reduce(0, +)
        let search =
            switch result.search {
            case .exhaustive: "best of all \(result.setsScored) sets"
            case .greedy: "greedy search with swaps, \(result.setsScored) sets scored"
            }
        Console.print("chosen: \(order.prefix(result.chosen.count).map { names[$0] }.joined(separator: ", "))")
        Console.print(
            formatted(
                "objective %.4f = %.2f * separation %.4f + %.2f * coverage %.4f; ", result.objective,
                result.balance, result.separation, 1 - result.balance, result.coverage) + search)
        Console.print(
            formatted(
                "%d texts in %d dimensions that hold %.1f%% of their variance; ", texts, result.dimensions,
                100 * result.explainedVariance) + ProgressLine.format(result.seconds))
        Console.print("\northogonality of the axes, 1 - |cos| (* chosen)")
        let matrix = order.enumerated().map { row, first in
            [marked[row]] + order.map { $0 == first ? "-" : decimal(result.orthogonality[first][$0]) }
        }
        Console.print(TextTable.align([["domain"] + order.indices.map { "\($0 + 1)" }] + matrix))
        Console.print("\nhow well the chosen axes span each candidate's")
        let rows = order.enumerated().map { row, index in
            let name = result.candidates[index]
            return [
                marked[row], "\(result.textsByCandidate[name] ?? 0)", decimal(result.coverageByCandidate[name] ?? 0),
            ]
        }
        Console.print(TextTable.align([["domain", "texts", "coverage"]] + rows))
        if let output = result.output { Console.print("\npicture in \(output)") }
    }
}
