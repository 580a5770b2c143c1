import ArgumentParser
import Basics
import Evaluation

extension DatasetFormat: ExpressibleByArgument {}

struct Import: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "import",
        abstract: "Turn published benchmark files into scenarios that `run` answers.",
        discussion: """
            Reads the files of CommonsenseQA, NQ-Open and ARC (JSON lines) and of MMLU (comma-separated values, a file \
            a subject) as they are published. Each question becomes a scenario of one turn. The default output is \
            data/test/<name>/<input>.json, where `run --datasets <name>` finds it, unless other scenarios are there or \
            another file of the folder has some of the questions; a file elsewhere is run by its path: `run --datasets \
            path/to/file.json`.
            """)

    @Option(parsing: .upToNextOption, help: "The published files, all of one benchmark.")
    var input: [String]

    @Option(help: "The benchmark. (default: recognised in the first file)")
    var format: DatasetFormat?

    @Option(help: "The .json file to write. (default: data/test/<name>/<input>.json)")
    var output: String?

    @Option(help: "The dataset's name. (default: the benchmark's)")
    var name: String?

    @Option(
        parsing: .unconditional,
        help: "What all questions are about: pathways are compiled from it. (default: what the source says)")
    var scenario: String?

    @Option(parsing: .unconditional, help: "Keep this many questions, drawn by the seed.")
    var limit: Int?

    @Option(parsing: .unconditional, help: "The same seed draws the same questions.")
    var seed: UInt64 = 42

    @Flag(help: "Print one JSON object.")
    var json = false

    private struct Output: Encodable {
        let format: DatasetFormat
        let dataset: String
        let questions: Int
        let scenarios: Int
        let output: String
    }

    func validate() throws {
        if let limit, limit < 1 { throw ValidationError("--limit is \(limit), expected at least 1") }
        if let name, name.isEmpty || name.contains("/") || name.hasPrefix(".") || name.hasSuffix(".json") {
            throw ValidationError("--name is \"\(name)\", expected a folder's name")
        }
        if name == SweepSummary.overallName {
            throw ValidationError("--name cannot be \"\(SweepSummary.overallName)\", as all datasets together are")
        }
        if let output, !output.hasSuffix(".json") {
            throw ValidationError("--output is \"\(output)\", expected a file that ends in .json")
        }
        if let output,
            URL(fileURLWithPath: output).deletingPathExtension().lastPathComponent == SweepSummary.overallName
        {
            throw ValidationError(
                "--output cannot be \(SweepSummary.overallName).json: all datasets together are so named")
        }
        if output != nil, name != nil { throw ValidationError("give --output or --name, not both") }
        if let scenario, scenario.allSatisfy(\.isWhitespace) { throw ValidationError("--scenario is empty") }
    }

    func run() throws {
        let files = input.map { URL(fileURLWithPath: $0) }
        var dataset = try DatasetImport(files, format: format, description: scenario)
        let questions = dataset.scenarios.count
        if let limit { dataset.sample(limit, seed: seed) }
        let folder = name ?? dataset.format.datasetName
        let stem =
            files.count == 1
            ? String(files[0].deletingPathExtension().lastPathComponent.drop { $0 == "." }) : folder
        let path = output ?? "data/test/\(folder)/\(stem).json"
        let url = URL(fileURLWithPath: path)
        guard !files.map({ $0.resolvingSymlinksInPath() }).contains(url.resolvingSymlinksInPath()) else {
            throw FileWriteError(path: path, reason: "it is the input; choose another --output")
        }
        try dataset.write(to: url, replacing: output != nil)
        let result = Output(
            format: dataset.format, dataset: output == nil ? folder : url.deletingPathExtension().lastPathComponent,
            questions: questions, scenarios: dataset.scenarios.count, output: path)
        if json { return try Console.printJSON(result) }
        Console.print("\(result.scenarios) of \(questions) questions (\(result.format.rawValue)) in \(path)")
        Console.print(
            "answer them with: subspacepath run --datasets \((output ?? folder).shellQuoted) "
                + "--num-samples \(result.scenarios)")
    }
}
