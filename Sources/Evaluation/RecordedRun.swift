import Basics

/// A sweep as its folder records it, finished or not.
public struct RecordedRun: Sendable {
    /// The folder's name.
    public let name: String
    /// The name of the folder around it: the model's.
    public let modelName: String
    public let configuration: SweepConfiguration
    public let results: [TurnResult]
    /// Empty for a run that did not record its pathways.
    public let pathways: [PathwayRecord]
    /// When the configuration was written, and when the last turn was.
    public let started: Date?
    public let lastTurn: Date?
    /// Whether the run came to its end and wrote its summary.
    public let isFinished: Bool

    /// Reads a run's folder, `results/<model>/<run>`.
    ///
    /// - Throws: ``EvaluationError/malformed(file:detail:)`` where it holds no run, or one without any turn.
    public init(contentsOf folder: URL) throws {
        guard let configuration = ResultsFolder.configuration(of: folder) else {
            throw EvaluationError.malformed(
                file: folder.relativePath,
                detail: "holds no \(ResultsFolder.configurationFile) of a run; give a folder that `run` made")
        }
        let files = FileManager.default
        func date(_ name: String) -> Date? {
            let attributes = try? files.attributesOfItem(atPath: folder.appending(path: name).path)
            return attributes?[.modificationDate] as? Date
        }
        let path = folder.standardizedFileURL
        let pathways = try PathwayLog.read(in: folder)
        guard pathways.allSatisfy({ $0.isConsistent && $0.hasShape(of: pathways[0]) }) else {
            throw EvaluationError.malformed(
                file: folder.appending(path: PathwayLog.fileName).relativePath,
                detail: "has pathways that do not agree with themselves or each other")
        }
        self.init(
            name: path.lastPathComponent, modelName: path.deletingLastPathComponent().lastPathComponent,
            configuration: configuration, results: try ResultsLog.read(in: folder),
            pathways: pathways, started: date(ResultsFolder.configurationFile),
            lastTurn: date(ResultsLog.fileName),
            isFinished: files.fileExists(atPath: folder.appending(path: ResultsFolder.summaryFile).path))
        guard results.allSatisfy(\.isConsistent) else {
            throw EvaluationError.malformed(
                file: folder.appending(path: ResultsLog.fileName).relativePath,
                detail: "has turns whose scores, fractions or times are out of range")
        }
        guard !results.isEmpty else {
            throw EvaluationError.malformed(
                file: folder.relativePath, detail: "holds a run without any turn; go on with `run --resume`")
        }
    }

    public init(
        name: String, modelName: String, configuration: SweepConfiguration, results: [TurnResult],
        pathways: [PathwayRecord], started: Date? = nil, lastTurn: Date? = nil, isFinished: Bool = true
    ) {
        self.name = name
        self.modelName = modelName
        self.configuration = configuration
        self.results = results
        self.pathways = pathways
        self.started = started
        self.lastTurn = lastTurn
        self.isFinished = isFinished
    }
}
