import DomainBasis
import ScenarioPruning

/// A pathway that a sweep compiled: what the scenario was taken for, and which heads run.
public struct PathwayRecord: Sendable, Codable, Equatable {
    public let dataset: String
    public let scenario: String
    /// What the pathway was compiled from; a blind one was compiled from no text.
    public let description: String
    /// ``PathwayKind/scenario`` or ``PathwayKind/blind``.
    public let pathway: PathwayKind
    public let strength: Double
    public let domains: [String]
    /// s_k, `[domains]`, 0 below the smallest that counts.
    public let relevance: [Double]
    /// s'_k: the weights of the domains, which sum to 1, `[domains]`.
    public let mixture: [Double]
    /// c(s) in [0, 1].
    public let breadth: Double
    /// The calibration that was used; nil for none.
    public let regime: CalibrationRegime?
    /// The fraction that was asked for, and the one reached: of the heads, or of the multiply-adds where feed-forward
    /// blocks are pruned as well.
    public let requestedFraction: Double
    public let prunedFraction: Double
    /// Heads of each layer, whether they run or not.
    public let heads: Int
    /// The heads that run, `[layers][ascending]`.
    public let keptHeads: [[Int]]

    /// Tells the pathways of one sweep apart.
    public struct Key: Hashable, Sendable {
        let dataset: String
        let scenario: String
        let pathway: PathwayKind
        let strength: Double
    }

    public var key: Key { Key(dataset: dataset, scenario: scenario, pathway: pathway, strength: strength) }

    public init(
        dataset: String, scenario: String, description: String, pathway: PathwayKind, strength: Double,
        domains: [String], relevance: [Double], mixture: [Double], breadth: Double, regime: CalibrationRegime?,
        requestedFraction: Double, prunedFraction: Double, heads: Int, keptHeads: [[Int]]
    ) {
        self.dataset = dataset
        self.scenario = scenario
        self.description = description
        self.pathway = pathway
        self.strength = strength
        self.domains = domains
        self.relevance = relevance
        self.mixture = mixture
        self.breadth = breadth
        self.regime = regime
        self.requestedFraction = requestedFraction
        self.prunedFraction = prunedFraction
        self.heads = heads
        self.keptHeads = keptHeads
    }

    init(
        _ compiled: CompiledScenario, of scenario: Scenario, dataset: String, pathway: PathwayKind, strength: Double,
        heads: Int
    ) {
        self.init(
            dataset: dataset, scenario: scenario.id, description: scenario.topicDescription, pathway: pathway,
            strength: strength, domains: compiled.domains, relevance: compiled.diagnosis.relevance,
            mixture: compiled.diagnosis.mixture, breadth: compiled.diagnosis.breadth,
            regime: compiled.diagnosis.regime, requestedFraction: compiled.requestedFraction,
            prunedFraction: compiled.reachedFraction, heads: heads, keptHeads: compiled.pathway.keptHeads)
    }
}

extension PathwayRecord {
    /// Whether every domain has its numbers, and the model the heads that run, of which a page can draw all.
    var isConsistent: Bool {
        relevance.count == domains.count && mixture.count == domains.count && (1...4096).contains(heads)
            && heads * keptHeads.count <= ModelMeasurements.mostHeads
            && keptHeads.allSatisfy { kept in
                kept.allSatisfy((0..<heads).contains) && zip(kept, kept.dropFirst()).allSatisfy(<)
            }
    }

    /// Whether both are of models with as many layers and heads.
    func hasShape(of other: PathwayRecord) -> Bool {
        heads == other.heads && keptHeads.count == other.keptHeads.count
    }
}

extension PathwayRecord: RunRecord {
    public static let fileName = "pathways.jsonl"
    public static let kind = "a compiled pathway"
}
