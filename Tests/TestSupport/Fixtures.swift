import Checkpoints
import Foundation
import Transformer

/// Files that tests read.
public enum Fixtures {
    public static let root = URL(fileURLWithPath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

    public static func url(_ path: String) -> URL { root.appending(path: "Tests/Fixtures/\(path)") }

    /// The default model, which `make model` fetches.
    public static let defaultModel = root.appending(path: "models/SmolLM2-135M-Instruct.Q4_1.gguf")

    public static func tensors(_ path: String) throws -> [String: SafetensorsFile.Tensor] {
        try SafetensorsFile(contentsOf: url(path)).tensors
    }

    /// A random model of each family and each way to rotate.
    public static let tinyModels = ["llama-tiny", "qwen2-tiny", "qwen3-tiny", "llama-rope-scaled-tiny"]

    public static func tinyModel(
        _ name: String, precision: DecoderModel.Precision = .float32, threads: Int? = 1, instructionSet: String? = nil
    ) throws -> DecoderModel {
        try DecoderModel(
            contentsOf: url("models/\(name).gguf"), precision: precision, threads: threads,
            instructionSet: instructionSet)
    }

    /// An empty folder, removed when `body` is done.
    public static func withTemporaryDirectory<Result>(_ body: (URL) throws -> Result) throws -> Result {
        let folder = FileManager.default.temporaryDirectory.appending(path: UUID().uuidString)
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        return try body(folder)
    }
}

/// The largest difference between two lists of numbers, as a share of the range of the second.
public func relativeError(_ found: [Float], _ expected: [Float]) -> Float {
    guard let range = range(of: expected, asMany: found) else { return .infinity }
    return zip(found, expected).reduce(0) { max($0, abs($1.0 - $1.1)) } / range
}

/// The same for the root of the mean square of the differences.
public func relativeMeanError(_ found: [Float], _ expected: [Float]) -> Float {
    guard let range = range(of: expected, asMany: found) else { return .infinity }
    let squares = zip(found, expected).reduce(0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) }
    return (squares / Float(found.count)).squareRoot() / range
}

/// How far apart the numbers are, nil where they are all the same or the others are not as many.
private func range(of numbers: [Float], asMany others: [Float]) -> Float? {
    guard others.count == numbers.count, let low = numbers.min(), let high = numbers.max(), high > low else {
        return nil
    }
    return high - low
}

extension SafetensorsFile.Tensor {
    public var integers: [Int] { values.map { Int($0) } }
}

extension InferenceSession {
    /// The logits after every token, `[tokens * vocabulary]`.
    public func allLogits(after tokens: [Int]) throws -> [Float] {
        var all: [Float] = []
        try forEachLogits(after: tokens) { _, logits in all += logits }
        return all
    }
}
