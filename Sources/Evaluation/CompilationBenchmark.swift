import Basics
import ScenarioPruning
import Transformer

/// How long a scenario takes to compile, beside a dense pass over the tokens that its diagnosis reads: the three take
/// turns, and the medians over all repetitions are kept.
public struct CompilationBenchmark: Sendable, Codable {
    /// One way to compile.
    public struct Times: Sendable, Codable {
        /// From the description to the pathway.
        public var milliseconds: Double
        public var diagnoseMilliseconds: Double
        public var selectMilliseconds: Double
        /// `milliseconds`, over the dense pass's.
        public var shareOfDensePass: Double
    }

    /// Tokens of the description as the diagnosis reads it.
    public var tokens: Int
    /// With the logits that follow the last token.
    public var densePassMilliseconds: Double
    public var whole: Times
    /// With the first quarter of the layers alone.
    public var earlyExit: Times

    /// Compiles `description` `repetitions` times after one that is not counted.
    public init(
        _ compiler: ScenarioCompiler, _ model: DecoderModel, description: String, _ options: CompilationOptions,
        repetitions: Int
    ) throws {
        let ids = compiler.tokens(of: description)
        let session = try InferenceSession(model)
        let clock = ContinuousClock()
        var dense: [Double] = []
        var compiled: [[CompiledScenario]] = [[], []]
        for repetition in 0...repetitions {
            session.reset()
            let start = clock.now
            _ = try session.logits(after: ids)
            let passed = clock.now - start
            let scenarios = try [false, true].map { exitsEarly in
                var options = options
                options.exitsEarly = exitsEarly
                return try compiler.compile(description, options)
            }
            guard repetition > 0 else { continue }
            dense.append(1000 * passed.inSeconds)
            for (index, scenario) in scenarios.enumerated() { compiled[index].append(scenario) }
        }
        let densePass = SpeedBenchmark.median(dense)
        func times(_ scenarios: [CompiledScenario]) -> Times {
            let milliseconds = SpeedBenchmark.median(scenarios.map(\.milliseconds))
            return Times(
                milliseconds: milliseconds,
                diagnoseMilliseconds: SpeedBenchmark.median(scenarios.map(\.diagnoseMilliseconds)),
                selectMilliseconds: SpeedBenchmark.median(scenarios.map(\.selectMilliseconds)),
                shareOfDensePass: milliseconds / densePass)
        }
        tokens = ids.count
        densePassMilliseconds = densePass
        whole = times(compiled[0])
        earlyExit = times(compiled[1])
    }
}
