import DomainBasis
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
        let ids = model.tokenizer.encode(TextNormalization.apply(description)).prefix(
            model.configuration.contextLength)
        let session = try InferenceSession(model)
        let clock = ContinuousClock()
        var dense: [Double] = []
        var samples: [[Sample]] = [[], []]
        for repetition in 0...repetitions {
            session.reset()
            let start = clock.now
            _ = try session.logits(after: Array(ids))
            let passed = clock.now - start
            let compiled = try [false, true].map { exitsEarly in
                var options = options
                options.exitsEarly = exitsEarly
                let start = clock.now
                let scenario = try compiler.compile(description, options)
                return Sample(scenario: scenario, milliseconds: 1000 * (clock.now - start).inSeconds)
            }
            guard repetition > 0 else { continue }
            dense.append(1000 * passed.inSeconds)
            for (index, sample) in compiled.enumerated() { samples[index].append(sample) }
        }
        let densePass = SpeedBenchmark.median(dense)
        func times(_ samples: [Sample]) -> Times {
            let milliseconds = SpeedBenchmark.median(samples.map(\.milliseconds))
            return Times(
                milliseconds: milliseconds,
                diagnoseMilliseconds: SpeedBenchmark.median(samples.map(\.scenario.diagnoseMilliseconds)),
                selectMilliseconds: SpeedBenchmark.median(samples.map(\.scenario.selectMilliseconds)),
                shareOfDensePass: milliseconds / densePass)
        }
        tokens = ids.count
        densePassMilliseconds = densePass
        whole = times(samples[0])
        earlyExit = times(samples[1])
    }

    private struct Sample {
        let scenario: CompiledScenario
        let milliseconds: Double
    }
}
