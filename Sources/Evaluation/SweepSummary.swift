/// A sweep's results by dataset and strength.
public struct SweepSummary: Sendable, Codable {
    public struct Row: Sendable, Codable, Equatable {
        public let dataset: String
        public let strength: Double
        /// Mean score over turns.
        public let accuracy: Double
        public let prunedFraction: Double
        public let scenarios: Int
        public let turns: Int
        /// Generated tokens per second.
        public let tokensPerSecond: Double
        /// The dense model's time for this row's prompt and generated tokens over the time taken.
        public let speedup: Double
        /// Mean over scenarios.
        public let compileMilliseconds: Double
    }

    public let rows: [Row]

    /// - Parameter results: in any order; dense rows (strength 0) give the speed that others are compared with.
    public init(_ results: [TurnResult]) {
        var order: [String] = []
        var groups: [String: [Double: [TurnResult]]] = [:]
        for result in results {
            if groups[result.dataset] == nil { order.append(result.dataset) }
            groups[result.dataset, default: [:]][result.strength, default: []].append(result)
        }
        rows = order.flatMap { dataset in
            let strengths = groups[dataset]!
            let dense = strengths[0].map(Speed.init)
            return strengths.keys.sorted().map { Self.row(dataset, $0, strengths[$0]!, dense: dense) }
        }
    }

    private struct Speed {
        let promptTokens: Double
        let newTokens: Double
        let promptSeconds: Double
        let generationSeconds: Double

        init(_ results: [TurnResult]) {
            promptTokens = Double(results.reduce(0) { $0 + $1.promptTokens })
            newTokens = Double(results.reduce(0) { $0 + $1.newTokens })
            promptSeconds = results.reduce(0) { $0 + $1.promptSeconds }
            generationSeconds = results.reduce(0) { $0 + $1.generationSeconds }
        }

        var perPromptToken: Double { promptTokens > 0 ? promptSeconds / promptTokens : 0 }
        var perNewToken: Double { newTokens > 0 ? generationSeconds / newTokens : 0 }
    }

    private static func row(_ dataset: String, _ strength: Double, _ results: [TurnResult], dense: Speed?) -> Row {
        let speed = Speed(results)
        let turns = Double(results.count)
        let taken = speed.promptSeconds + speed.generationSeconds
        let denseTime = dense.map { $0.perPromptToken * speed.promptTokens + $0.perNewToken * speed.newTokens } ?? taken
        let scenarios = Dictionary(
            results.map { ($0.scenario, $0.compileMilliseconds) }, uniquingKeysWith: { first, _ in first })
        return Row(
            dataset: dataset, strength: strength, accuracy: results.reduce(0) { $0 + $1.score } / turns,
            prunedFraction: results.reduce(0) { $0 + $1.prunedFraction } / turns, scenarios: scenarios.count,
            turns: results.count,
            tokensPerSecond: speed.generationSeconds > 0 ? speed.newTokens / speed.generationSeconds : 0,
            speedup: taken > 0 ? denseTime / taken : 1,
            compileMilliseconds: scenarios.values.reduce(0, +) / Double(scenarios.count))
    }
}
