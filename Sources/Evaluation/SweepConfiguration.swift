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

    public init(
        model: ModelFingerprint, strengths: [Double], datasets: [String], samples: Int?, usesHistory: Bool,
        usesCalibration: Bool, maxNewTokens: Int, temperature: Double, seed: UInt64, criterion: PruningCriterion,
        compensation: Compensation, alwaysKeep: AlwaysKeep, scoring: Scoring = .generation, comparesBlind: Bool = false
    ) {
        self.model = model
        self.strengths = strengths
        self.datasets = datasets
        self.samples = samples
        self.usesHistory = usesHistory
        self.usesCalibration = usesCalibration
        self.maxNewTokens = maxNewTokens
        self.temperature = temperature
        self.seed = seed
        self.criterion = criterion
        self.compensation = compensation
        self.alwaysKeep = alwaysKeep
        self.scoring = scoring
        self.comparesBlind = comparesBlind
    }
}
