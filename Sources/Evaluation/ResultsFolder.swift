import Basics

/// The folder of one sweep: its configuration, a line for each turn, and at the end a summary.
public struct ResultsFolder {
    public let url: URL

    static let configurationFile = "configuration.json"
    static let summaryFile = "summary.json"

    /// Makes the folder of a new run, or finds the one to resume.
    ///
    /// - Parameters:
    ///   - name: the folder's name; nil for the time, or when resuming the latest run of the same configuration.
    ///   - resuming: whether to go on with an earlier run. Without one, a new run starts.
    /// - Throws: ``EvaluationError`` where the name is taken by another run, `FileWriteError` where nothing can be written.
    public init(in parent: URL, name: String?, _ configuration: SweepConfiguration, resuming: Bool) throws {
        let files = FileManager.default
        if let name {
            url = parent.appending(path: name)
            if files.fileExists(atPath: url.path) {
                guard resuming else {
                    throw EvaluationError.unusableRun(
                        folder: url.relativePath,
                        detail: "a run of this name exists; add --resume or choose another name")
                }
                guard let earlier = Self.configuration(of: url) else {
                    throw EvaluationError.unusableRun(
                        folder: url.relativePath,
                        detail: "its \(Self.configurationFile) is missing or damaged; choose another name")
                }
                guard earlier.completed(by: configuration) == configuration else {
                    throw EvaluationError.unusableRun(
                        folder: url.relativePath,
                        detail: "it holds a run with other settings, artifacts or scenarios; choose another name")
                }
                return
            }
        } else if resuming, let earlier = Self.latest(in: parent, configuration) {
            url = earlier
            return
        } else {
            url = Self.unused(in: parent)
        }
        try Self.write(configuration, to: url.appending(path: Self.configurationFile))
    }

    /// Writes the summary whole or not at all.
    public func writeSummary(_ summary: some Encodable) throws {
        try Self.write(summary, to: url.appending(path: Self.summaryFile))
    }

    private static func write(_ value: some Encodable, to url: URL) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        try WholeFile.write(try encoder.encode(value) + Data("\n".utf8), to: url)
    }

    /// nil where the folder holds no run's configuration.
    static func configuration(of folder: URL) -> SweepConfiguration? {
        let file = folder.appending(path: configurationFile)
        guard let data = FileManager.default.contents(atPath: file.path) else { return nil }
        return try? JSONDecoder().decode(SweepConfiguration.self, from: data)
    }

    /// Names start with the time, so the last in order is the latest.
    private static func latest(in parent: URL, _ configuration: SweepConfiguration) -> URL? {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: parent.path)) ?? []
        return names.sorted().reversed().map { parent.appending(path: $0) }.first {
            Self.configuration(of: $0)?.completed(by: configuration) == configuration
        }
    }

    private static func unused(in parent: URL) -> URL {
        let base = Date().text.replacing(" ", with: "T").replacing(":", with: "-")
        var name = base
        var number = 2
        while FileManager.default.fileExists(atPath: parent.appending(path: name).path) {
            name = "\(base)-\(number)"
            number += 1
        }
        return parent.appending(path: name)
    }
}
