import Foundation
import Transformer

/// A compiled pathway as a file: JSON, for one model.
public struct PathwayFile: Sendable, Codable, Equatable {
    static let currentVersion = 2

    public let formatVersion: Int
    public let model: ModelFingerprint
    public let pathway: Pathway

    public init(_ pathway: Pathway, for model: DecoderModel) {
        formatVersion = Self.currentVersion
        self.model = model.fingerprint
        self.pathway = pathway
    }

    /// Writes the file whole or not at all.
    public func write(to url: URL) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys]
        try encoder.encode(self).write(to: url, options: .atomic)
    }

    /// Reads a pathway of whatever model; the model is then loaded in its order of channels, and checked.
    public init(contentsOf url: URL) throws(PruningError) {
        guard let data = FileManager.default.contents(atPath: url.path) else {
            throw .unreadablePathway(url.path, detail: "the file cannot be read")
        }
        guard let file = try? JSONDecoder().decode(PathwayFile.self, from: data) else {
            throw .unreadablePathway(url.path, detail: "it is not a pathway")
        }
        guard file.formatVersion == Self.currentVersion else {
            throw .unreadablePathway(
                url.path, detail: "format version \(file.formatVersion), expected \(Self.currentVersion)")
        }
        self = file
    }

    /// - Throws: ``PruningError/unreadablePathway(_:detail:)`` where it was compiled for another model than `model`.
    public func check(for model: DecoderModel, readFrom url: URL) throws(PruningError) {
        guard self.model == model.fingerprint else {
            throw .unreadablePathway(
                url.path, detail: "it was compiled for model \(self.model), this is model \(model.fingerprint)")
        }
    }

    /// Reads a pathway that was compiled for `model`.
    public init(contentsOf url: URL, for model: DecoderModel) throws(PruningError) {
        try self.init(contentsOf: url)
        try check(for: model, readFrom: url)
    }
}
