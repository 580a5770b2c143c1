import ArgumentParser
import Basics
import Checkpoints
import ScenarioPruning
import Transformer

extension DecoderModel.Precision: ExpressibleByArgument {}

/// Which model.
struct ModelFileOption: ParsableArguments {
    @Option(help: "A GGUF file, a directory that holds one, or a name under models/.")
    var model = "SmolLM2-135M-Instruct.Q4_1"

    func open() throws -> GGUFFile { try GGUFFile(contentsOf: try ModelLocation(model).file) }
}

/// Which model, and how it is run.
struct ModelOptions: ParsableArguments {
    @OptionGroup var file: ModelFileOption

    @Option(parsing: .unconditional, help: "Threads to compute with. (default: all processors that it may use)")
    var threads: Int?

    @Option(help: "Arithmetic of quantised matrix products: int8 is fast, float32 the reference, with exact weights.")
    var precision = DecoderModel.Precision.int8

    mutating func validate() throws {
        if let threads, !(1...1024).contains(threads) {
            throw ValidationError("--threads is \(threads), expected 1 to 1024")
        }
    }

    var model: String { file.model }

    func open() throws -> GGUFFile { try file.open() }

    func load() throws -> DecoderModel { try load(try open()) }

    /// - Parameter channelOrder: how to order the feed-forward channels; nil for the checkpoint's order.
    func load(_ file: GGUFFile, channelOrder: ChannelOrder? = nil) throws -> DecoderModel {
        try DecoderModel(
            file, precision: precision, pool: try WorkerPool(threads: threads), channelOrder: channelOrder)
    }

    /// Loads the model in the order of channels that pruning `kinds` by the artifacts takes.
    func load(toPrune kinds: PrunedKinds, by artifacts: ArtifactsOptions) throws -> DecoderModel {
        let file = try open()
        guard kinds.kinds.contains(.feedForward) else { return try load(file) }
        let url = artifacts.url(for: try ModelLocation(model), quantization: file.quantization)
        return try load(file, channelOrder: try PruningArtifacts.channelOrder(in: url, for: file))
    }
}

/// Finds the file that `--model` names.
struct ModelLocation {
    let file: URL

    init(_ name: String) throws {
        guard !name.isEmpty else { throw ValidationError("--model is empty, expected a file, a directory or a name") }
        let files = FileManager.default
        for path in [name, "models/\(name)", "models/\(name).gguf"] {
            guard let isFolder = files.isFolder(atPath: path) else { continue }
            guard isFolder else {
                file = URL(fileURLWithPath: path)
                return
            }
            let inside = Self.checkpoints(in: path)
            guard inside.count == 1 else {
                throw CheckpointError(
                    .missing, file: path, field: "--model",
                    detail: inside.isEmpty
                        ? "the directory holds no .gguf file"
                        : "the directory holds several .gguf files, name one of \(inside.joined(separator: ", "))")
            }
            file = URL(fileURLWithPath: path).appending(path: inside[0])
            return
        }
        let known = Self.checkpoints(in: "models")
        throw CheckpointError(
            .missing, file: name, field: "--model",
            detail: "there is no such file, directory or model; "
                + (known.isEmpty
                    ? "`make model` fetches the default model" : "models/ holds \(known.joined(separator: ", "))"))
    }

    private static func checkpoints(in directory: String) -> [String] {
        let entries = (try? FileManager.default.contentsOfDirectory(atPath: directory)) ?? []
        return entries.filter { $0.lowercased().hasSuffix(".gguf") && !$0.hasPrefix(".") }.sorted()
    }

    /// The model's name in `artifacts/` and `results/`: the file's name in lower case, without its quantisation.
    func shortName(quantization: String) -> String {
        var stem = file.deletingPathExtension().lastPathComponent.lowercased()
        for separator in [".", "-", "_"] {
            let suffix = separator + quantization.lowercased()
            if stem.hasSuffix(suffix) { stem.removeLast(suffix.count) }
        }
        return stem
    }
}
