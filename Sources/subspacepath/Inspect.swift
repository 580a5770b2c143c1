import ArgumentParser
import Basics
import Checkpoints

struct Inspect: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Show what a model file holds.")

    @OptionGroup var model: ModelFileOption

    @Flag(help: "Print one JSON object.")
    var json = false

    private struct Output: Encodable {
        let file: String
        let name: String?
        let architecture: String
        let layers: Int
        let heads: Int
        let keyValueHeads: Int
        let headSize: Int
        let width: Int
        let feedForwardWidth: Int
        let vocabularySize: Int
        let contextLength: Int
        let parameters: Int
        let quantization: String
        let bytes: Int
    }

    func run() throws {
        let file = try model.open()
        let configuration = try ModelConfiguration(file)
        let output = Output(
            file: file.file.path, name: configuration.name, architecture: configuration.architecture.rawValue,
            layers: configuration.layers, heads: configuration.heads, keyValueHeads: configuration.keyValueHeads,
            headSize: configuration.headSize, width: configuration.width,
            feedForwardWidth: configuration.feedForwardWidth, vocabularySize: configuration.vocabularySize,
            contextLength: configuration.contextLength, parameters: file.parameterCount,
            quantization: file.quantization, bytes: file.file.bytes.count)
        if json { return try Console.printJSON(output) }
        Console.print(
            """
            \(output.file)
            name              \(output.name?.printable ?? "(none)")
            architecture      \(output.architecture)
            layers            \(output.layers)
            heads             \(output.heads) of \(output.headSize), in \(output.keyValueHeads) key/value groups
            width             \(output.width), feed-forward \(output.feedForwardWidth)
            vocabulary        \(output.vocabularySize)
            context           \(output.contextLength)
            parameters        \(output.parameters)
            quantization      \(output.quantization), \(output.bytes) bytes
            """)
    }
}
