import Basics
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
        try WholeFile.write(try encoder.encode(self), to: url)
    }

    /// Reads a pathway of whatever model; the model is then loaded in its order of channels, and checked.
    public init(contentsOf url: URL) throws(PruningError) {
        let data: Data
        do {
            data = try InputFile.contents(of: url)
        } catch {
            throw .unreadablePathway(url.path, detail: "\(error)")
        }
        guard let version = try? JSONDecoder().decode(FormatVersion.self, from: data).formatVersion else {
            throw .unreadablePathway(url.path, detail: "it is not a pathway")
        }
        guard version == Self.currentVersion else {
            throw .unreadablePathway(url.path, detail: "format version \(version), expected \(Self.currentVersion)")
        }
        do {
            self = try JSONDecoder().decode(PathwayFile.self, from: data)
        } catch {
            throw .unreadablePathway(url.path, detail: "it is not a pathway")
        }
    }

    /// - Throws: ``PruningError/unreadablePathway(_:detail:)`` where it was compiled for another model.
    public func check(for found: ModelFingerprint, readFrom url: URL) throws(PruningError) {
        guard model == found else {
            throw .unreadablePathway(url.path, detail: "it was compiled for model \(model), this is model \(found)")
        }
    }

    /// Reads a pathway that was compiled for `model`.
    public init(contentsOf url: URL, for model: DecoderModel) throws(PruningError) {
        try self.init(contentsOf: url)
        try check(for: model.fingerprint, readFrom: url)
    }
}
