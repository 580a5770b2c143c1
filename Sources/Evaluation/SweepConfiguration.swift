import ScenarioPruning
import Transformer

/// How a turn is scored.
public enum Scoring: String, Sendable, Codable, CaseIterable {
    /// An answer is written and compared with the right one.
    case generation
    /// Nothing is written: the likelihoods of the right answer and of the options are read off.
    case likelihood
    case both

    var generates: Bool { self != .likelihood }
    var measuresLikelihood: Bool { self != .generation }
}

/// What a sweep runs: recorded with its results, so that only the same sweep resumes them.
public struct SweepConfiguration: Sendable, Codable, Equatable {
    public var model: ModelFingerprint
    public var strengths: [Double]
    public var datasets: [String]
    /// Scenarios of each dataset, drawn by the seed; nil for all.
    public var samples: Int?
    /// Whether a turn sees the scenario's earlier turns.
    public var usesHistory: Bool
    public var usesCalibration: Bool
    public var maxNewTokens: Int
    public var temperature: Double
    public var seed: UInt64
    public var criterion: PruningCriterion
    public var compensation: Compensation
    public var alwaysKeep: AlwaysKeep
    public var scoring: Scoring
    /// Whether each strength also runs along the blind pathway.
    public var comparesBlind: Bool

    /// What pathways prune.
    public var units: [UnitKind]
    /// Whether scenarios are diagnosed with the first quarter of the layers alone.
    public var exitsEarly: Bool
    /// The arithmetic of the model.
    public var precision: DecoderModel.Precision
    /// ``PruningArtifacts/digest(of:)``.
    public var artifacts: String
    /// Changes with any of the scenarios that are answered; the sweep sets it.
    public internal(set) var scenarios: String?

    /// - Parameter compilation: how pathways are compiled; its budget and seed are not used.
    public init(
        model: ModelFingerprint, strengths: [Double], datasets: [String], samples: Int?, usesHistory: Bool,
        maxNewTokens: Int, temperature: Double, seed: UInt64, compilation: CompilationOptions = CompilationOptions(),
        scoring: Scoring = .generation, comparesBlind: Bool = false, precision: DecoderModel.Precision,
        artifacts: String
    ) {
        self.model = model
        self.precision = precision
        self.artifacts = artifacts
        self.strengths = strengths
        self.datasets = datasets
        self.samples = samples
        self.usesHistory = usesHistory
        usesCalibration = compilation.usesCalibration
        self.maxNewTokens = maxNewTokens
        self.temperature = temperature
        self.seed = seed
        criterion = compilation.criterion
        compensation = compilation.compensation
        alwaysKeep = compilation.alwaysKeep ?? compilation.criterion.alwaysKeep
        units = UnitKind.allCases.filter(compilation.units.contains)
        exitsEarly = compilation.exitsEarly
        self.scoring = scoring
        self.comparesBlind = comparesBlind
    }

    /// How pathways are compiled under `budget`.
    func compilation(_ budget: PruningBudget) -> CompilationOptions {
        var options = CompilationOptions()
        options.budget = budget
        options.criterion = criterion
        options.compensation = compensation
        options.alwaysKeep = alwaysKeep
        options.units = Set(units)
        options.usesCalibration = usesCalibration
        options.exitsEarly = exitsEarly
        options.seed = seed
        return options
    }
}
