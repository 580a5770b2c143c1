/// What a turn is answered along.
public enum PathwayKind: String, Sendable, Codable, CaseIterable {
    /// All heads.
    case dense
    /// The pathway of the turn's scenario.
    case scenario
    /// The pathway of no scenario in particular, all domains equally, that is asked to prune as much as the scenario's.
    case blind
}

/// What was measured of one turn along one pathway.
public struct TurnResult: Sendable, Codable, Equatable {
    public let dataset: String
    public let scenario: String
    public let turn: Int
    public let pathway: PathwayKind
    /// 0 is dense.
    public let strength: Double
    public let prompt: String
    public let answer: String
    /// As in ``PathwayRecord``.
    public let prunedFraction: Double
    /// For the pathway; the same on each of its scenario's turns.
    public let compileMilliseconds: Double

    /// Of the written answer; nil where none was asked for.
    public let prediction: String?
    public let score: Double?
    public let promptTokens: Int?
    public let newTokens: Int?
    public let promptSeconds: Double?
    public let generationSeconds: Double?
    /// Of `generationSeconds`, see ``GenerationSummary/generationPasses``.
    public let generationPasses: Int?

    /// Of the right answer; nil where it was not asked for.
    public let likelihood: TurnLikelihood?

    /// - Parameter pathway: nil for the scenario's, or dense at strength 0.
    public init(
        dataset: String, scenario: String, turn: Int, pathway: PathwayKind? = nil, strength: Double, prompt: String,
        answer: String, prediction: String? = nil, score: Double? = nil, prunedFraction: Double,
        promptTokens: Int? = nil, newTokens: Int? = nil, promptSeconds: Double? = nil,
        generationSeconds: Double? = nil, generationPasses: Int? = nil, compileMilliseconds: Double,
        likelihood: TurnLikelihood? = nil
    ) {
        self.dataset = dataset
        self.scenario = scenario
        self.turn = turn
        self.pathway = pathway ?? (strength == 0 ? .dense : .scenario)
        self.strength = strength
        self.prompt = prompt
        self.answer = answer
        self.prediction = prediction
        self.score = score
        self.prunedFraction = prunedFraction
        self.promptTokens = promptTokens
        self.newTokens = newTokens
        self.promptSeconds = promptSeconds
        self.generationSeconds = generationSeconds
        self.generationPasses = generationPasses
        self.compileMilliseconds = compileMilliseconds
        self.likelihood = likelihood
    }
}

extension TurnResult {
    /// Whether its numbers are such as a run writes: shares in [0, 1], times and counts not negative, none too large to
    /// be drawn.
    var isConsistent: Bool {
        [score, prunedFraction, strength].allSatisfy { $0.map((0...1).contains) ?? true }
            && [promptSeconds, generationSeconds, compileMilliseconds].allSatisfy {
                $0.map { 0 <= $0 && $0 < 1e12 } ?? true
            }
            && [promptTokens, newTokens, generationPasses].allSatisfy { $0.map { 0 <= $0 && $0 < 1 << 40 } ?? true }
            && [likelihood?.answerNLL, likelihood?.klToDense].allSatisfy { $0.map { abs($0) < 1e12 } ?? true }
    }
}

extension TurnResult: RunRecord {
    public static let fileName = "turns.jsonl"
    public static let kind = "a turn's result"
}
