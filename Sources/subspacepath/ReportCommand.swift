import ArgumentParser
import Basics
import Checkpoints
import Evaluation
import ScenarioPruning

struct ReportCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "report",
        abstract: "Write a page about one or more sweeps: results, timing, masks, and what the heads do.",
        discussion: """
            Reads folders that `run` made, and the model's artifacts where there are some; the model itself is not \
            needed. Runs of one model with different settings, such as different criteria, become lines of the same \
            figures. The page is one HTML file without scripts that refers to nothing outside itself.
            """)

    @Argument(help: "Folders of runs, results/<model>/<run>, all of one model.")
    var runs: [String]

    @Option(help: "The artifacts directory that `train` made. (default: artifacts/<model>)")
    var artifacts: String?

    @Option(help: "The model whose artifacts are shown. (default: the one that the runs' folder is named after)")
    var model: String?

    @Option(help: "The file to write.")
    var output = "report.html"

    @Flag(help: "Print one JSON object.")
    var json = false

    private struct Output: Encodable {
        let output: String
        let bytes: Int
        let runs: [String]
        let turns: Int
        let artifacts: String?
    }

    func validate() throws {
        if artifacts != nil, model != nil { throw ValidationError("give --artifacts or --model, not both") }
        if output.isEmpty { throw ValidationError("--output is empty, expected a file's name") }
    }

    func run() throws {
        let recorded = try recordedRuns()
        let folder = try artifactsFolder(of: recorded)
        let (measurements, advice) = try measurements(in: folder, of: recorded)
        let page = try ReportPage(runs: recorded, measurements: measurements, advice: advice).html
        let url = URL(fileURLWithPath: output)
        // Beside a run's files it may lie, but not in the place of one.
        let inputs = runs.map { URL(fileURLWithPath: $0) } + [URL(fileURLWithPath: folder)]
        if FileManager.default.isRegularFile(atPath: url.path) == true, url.pathExtension != "html" {
            try url.checkIsNone(of: inputs, for: "a file of what is shown")
        }
        try WholeFile.write(Data(page.utf8), to: url)
        let turns = recorded.reduce(0) { $0 + $1.results.count }
        if measurements == nil { Console.warn([advice]) }
        if json {
            return try Console.printJSON(
                Output(
                    output: output, bytes: page.utf8.count, runs: runs, turns: turns,
                    artifacts: measurements == nil ? nil : folder))
        }
        Console.print("\(output): \(page.utf8.count / 1000) kB about \(turns) turns of \(recorded.count) run(s)")
    }

    /// Those of several runs that cannot be shown are left out, with a warning.
    private func recordedRuns() throws -> [RecordedRun] {
        var recorded: [RecordedRun] = []
        var faults: [any Error] = []
        for run in runs {
            do {
                recorded.append(try RecordedRun(contentsOf: URL(fileURLWithPath: run)))
            } catch {
                faults.append(error)
            }
        }
        if recorded.isEmpty, let fault = faults.first { throw fault }
        Console.warn(faults.map { "left out: \($0)" })
        return recorded
    }

    private func artifactsFolder(of recorded: [RecordedRun]) throws -> String {
        if let artifacts { return artifacts }
        guard let model else {
            let place = "artifacts/\(recorded.first?.modelName ?? "")"
            // Else beside results/, where `run` found them.
            let beside = runs.first.map {
                URL(fileURLWithPath: $0).appending(path: "../../../\(place)").standardizedFileURL.path
            }
            let files = FileManager.default
            guard let beside, files.fileExists(atPath: beside), !files.fileExists(atPath: place) else { return place }
            return beside
        }
        let location = try ModelLocation(model)
        return "artifacts/\(location.shortName(quantization: try GGUFFile(contentsOf: location.file).quantization))"
    }

    /// Artifacts that were not asked for may be absent, unusable or of another model: the page then does without.
    private func measurements(
        in folder: String, of recorded: [RecordedRun]
    ) throws -> (measurements: ModelMeasurements?, advice: String) {
        let isAskedFor = artifacts != nil || model != nil
        let hint = "`subspacepath train` makes them, and `--artifacts` says where they are."
        guard isAskedFor || FileManager.default.fileExists(atPath: folder) else {
            return (nil, "There are no artifacts at \(folder), so heads, probes and calibration are not shown: \(hint)")
        }
        let found: ModelMeasurements
        do {
            found = try ModelMeasurements(contentsOf: URL(fileURLWithPath: folder))
        } catch {
            guard !isAskedFor else { throw error }
            return (nil, "Heads, probes and calibration are not shown: \(error)")
        }
        for run in recorded where run.configuration.model != found.manifest.model {
            guard !isAskedFor else {
                throw PruningError.wrongModel(
                    artifacts: folder, made: "\(found.manifest.modelName ?? "unnamed") (\(found.manifest.model))",
                    model: run.modelName, found: "\(run.configuration.model)")
            }
            return (nil, "The artifacts at \(folder) are of another model than these runs: \(hint)")
        }
        let digest = PruningArtifacts.digest(of: URL(fileURLWithPath: folder))
        Console.warn(
            recorded.filter { $0.configuration.artifacts != digest }.map {
                "\($0.name) was run with other artifacts than those at \(folder), which are shown"
            })
        return (found, "")
    }
}
