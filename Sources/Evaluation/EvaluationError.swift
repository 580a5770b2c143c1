import Basics

/// Why an evaluation could not run or go on.
public enum EvaluationError: Error, Equatable, Sendable, CustomStringConvertible {
    case unknownDataset(String, directory: String, known: [String])
    /// A file does not hold what it should.
    case malformed(file: String, detail: String)
    /// Results cannot be written.
    case cannotWrite(file: String, detail: String)
    /// A text or question that cannot be evaluated.
    case unusableText(file: String, line: Int, detail: String)
    /// A turn that cannot be answered, counted from 1.
    case unusableTurn(dataset: String, scenario: String, turn: Int, detail: String)
    /// Two datasets of one run have the same name.
    case ambiguousDataset(String)
    /// A dataset with the name of all of them together.
    case reservedDataset(String)
    /// A file that scenarios would take the place of.
    case otherScenarios(file: String)
    /// Another file of a dataset that has some of its questions already.
    case questionsTwice(file: String, count: Int)
    /// A folder of datasets that holds none.
    case noDatasets(directory: String)
    /// A run's folder that cannot be used.
    case unusableRun(folder: String, detail: String)
    /// Runs that stand on one page are of several models.
    case differentModels([String])

    /// What a file holds, or a pipe where that is allowed.
    static func contents(of url: URL, allowingPipes: Bool = false) throws(EvaluationError) -> Data {
        try read(url) { url throws(SystemError) in try InputFile.contents(of: url, allowingPipes: allowingPipes) }
    }

    /// What a file of ours holds; nil where there is none.
    static func contentsIfPresent(of url: URL) throws(EvaluationError) -> Data? {
        try read(url) { url throws(SystemError) in try InputFile.contentsIfPresent(of: url) }
    }

    private static func read<Contents>(
        _ url: URL, _ body: (URL) throws(SystemError) -> Contents
    ) throws(EvaluationError) -> Contents {
        do {
            return try body(url)
        } catch {
            throw .malformed(file: url.path, detail: "cannot be read: \(error)")
        }
    }

    public var description: String { text.printable }

    private var text: String {
        switch self {
        case .unknownDataset(let name, let directory, let known):
            known.isEmpty
                ? "no dataset \"\(name)\": \(directory) holds no datasets"
                : "no dataset \"\(name)\" in \(directory); it has \(known.joined(separator: ", "))"
        case .malformed(let file, let detail): "\(file) \(detail)"
        case .cannotWrite(let file, let detail):
            "cannot write \(file): \(detail); what was written so far is kept, `--resume` goes on from there"
        case .unusableText(let file, let line, let detail): "\(file), line \(line): \(detail)"
        case .unusableTurn(let dataset, let scenario, let turn, let detail):
            "\(dataset), scenario \(scenario), turn \(turn): \(detail)"
        case .ambiguousDataset(let name): "two datasets are named \"\(name)\"; run them apart, or rename a file"
        case .reservedDataset(let name): "a dataset cannot be named \"\(name)\", as all of them together are; rename it"
        case .otherScenarios(let file):
            "\(file) is there and holds other scenarios; choose another --name, "
                + "or name the file by --output to replace it"
        case .questionsTwice(let file, let count):
            "\(file) holds \(count) of these questions, which `run` would answer twice; choose another --name, "
                + "or name the file by --output to replace it"
        case .noDatasets(let directory): "\(directory) holds no datasets; --data-dir says where test/ is"
        case .unusableRun(let folder, let detail): "cannot use \(folder): \(detail)"
        case .differentModels(let models):
            "the runs are of different models, \(models.joined(separator: " and ")); give runs of one"
        }
    }
}
