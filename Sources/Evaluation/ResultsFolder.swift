import Basics

/// The folder of one sweep: its configuration, a line for each turn, and at the end a summary.
public struct ResultsFolder {
    public let url: URL
    /// Whether an earlier run is gone on with.
    public let isResumed: Bool

    static let configurationFile = "configuration.json"
    static let summaryFile = "summary.json"

    /// Makes the folder of a new run, or finds the one to resume.
    ///
    /// - Parameters:
    ///   - name: the folder's name; nil for the time, or when resuming the latest run of the same configuration.
    ///   - resuming: whether to go on with an earlier run. Without one, a new run starts.
    /// - Throws: ``EvaluationError`` where the name is taken by another run, `FileWriteError` where nothing can be
    ///   written.
    public init(in parent: URL, name: String?, _ configuration: SweepConfiguration, resuming: Bool) throws {
        try Self.makeFolder(parent)
        if let name {
            url = parent.appending(path: name)
            if try !Self.isMade(url), !(resuming && Self.isBarelyMade(url)) {
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
                guard earlier == configuration else {
                    throw EvaluationError.unusableRun(
                        folder: url.relativePath,
                        detail: "it holds a run with other settings, artifacts or scenarios; choose another name")
                }
                isResumed = true
                return
            }
        } else if resuming, let earlier = Self.latest(in: parent, configuration) {
            url = earlier
            isResumed = true
            return
        } else {
            url = try Self.made(in: parent)
        }
        isResumed = false
        try WholeFile.write(json: configuration, to: url.appending(path: Self.configurationFile))
    }

    /// Whether a run was stopped before its configuration was in its folder.
    private static func isBarelyMade(_ folder: URL) -> Bool {
        let names = try? FileManager.default.contentsOfDirectory(atPath: folder.path)
        return names?.allSatisfy(WholeFile.isLeftOver) ?? false
    }

    /// Writes the summary whole or not at all.
    public func writeSummary(_ summary: some Encodable) throws {
        try WholeFile.write(json: summary, to: url.appending(path: Self.summaryFile))
    }

    /// nil where the folder holds no run's configuration.
    static func configuration(of folder: URL) -> SweepConfiguration? {
        guard let data = try? InputFile.contents(of: folder.appending(path: configurationFile)) else { return nil }
        return try? JSONDecoder().decode(SweepConfiguration.self, from: data)
    }

    /// The run of the same settings that was started last.
    private static func latest(in parent: URL, _ configuration: SweepConfiguration) -> URL? {
        let files = FileManager.default
        let names = (try? files.contentsOfDirectory(atPath: parent.path)) ?? []
        func started(_ run: URL) -> Date {
            let file = run.appending(path: configurationFile).path
            return (try? files.attributesOfItem(atPath: file))?[.modificationDate] as? Date ?? .distantPast
        }
        return names.map { parent.appending(path: $0) }
            .filter { Self.configuration(of: $0) == configuration }
            .max { (started($0), $0.lastPathComponent) < (started($1), $1.lastPathComponent) }
    }

    /// A new folder named after the time.
    private static func made(in parent: URL) throws -> URL {
        let base = Date().text.replacing(" ", with: "T").replacing(":", with: "-")
        var url = parent.appending(path: base)
        var number = 2
        while try !isMade(url) {
            url = parent.appending(path: "\(base)-\(number)")
            number += 1
        }
        return url
    }

    private static func makeFolder(_ url: URL) throws {
        do {
            try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
        } catch {
            throw FileWriteError(path: url.relativePath, error)
        }
    }

    /// Makes one folder; false where something stands there already, so that of two runs one has it.
    private static func isMade(_ url: URL) throws -> Bool {
        if mkdir(url.path, 0o777) == 0 { return true }
        let error = SystemError.last
        guard error.code == EEXIST else { throw FileWriteError(path: url.relativePath, error) }
        return false
    }
}
