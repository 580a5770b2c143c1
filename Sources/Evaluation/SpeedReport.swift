import Transformer

/// What `bench` found for one model: speeds, and what they are of the machine's limits.
public struct SpeedReport: Sendable, Codable {
    /// One pathway's medians at one prompt length.
    public struct Speed: Sendable, Codable {
        public var prefillTokensPerSecond: Double
        public var decodeTokensPerSecond: Double
        public var prefillSamples: [Double]
        public var decodeSamples: [Double]
        /// The time that the layers' products would take at the machine's peak, over the time that the prompt took.
        public var prefillShareOfPeak: Double
        /// The time that reading weights and cache once would take, over the time that a token took.
        public var decodeShareOfReading: Double
    }

    /// What pruning removes and what it saves, as shares of the dense model's.
    public struct Saving: Sendable, Codable {
        public var multiplyAddsRemoved: Double
        /// Of the weights and the cache that a token reads, where reading them is what takes the time.
        public var bytesRemoved: Double?
        public var timeSaved: Double
        /// `timeSaved / multiplyAddsRemoved`
        public var ratio: Double

        init(removed: Double, bytesRemoved: Double? = nil, saved: Double) {
            multiplyAddsRemoved = removed
            self.bytesRemoved = bytesRemoved
            timeSaved = saved
            ratio = removed > 0 ? saved / removed : 0
        }
    }

    /// A pathway beside the dense model.
    public struct Pruned: Sendable, Codable {
        public var prunedFraction: Double
        public var speed: Speed
        public var prefill: Saving
        public var decode: Saving
    }

    public struct Length: Sendable, Codable {
        public var promptTokens: Int
        public var generateTokens: Int
        public var dense: Speed
        public var pathway: Pruned?
    }

    public var model: String
    public var threads: Int
    public var instructionSet: String
    public var precision: String
    public var weightBytes: Int
    public var loadSeconds: Double
    /// The most memory resident before the machine's limits were measured.
    public var peakResidentBytes: Int
    /// What other programs used of all processors meanwhile, in [0, 1]; nil where the system does not say.
    public var otherProgramsShare: Double?
    /// Medians over all repetitions.
    public var limits: MachineLimits
    public var lengths: [Length]
    /// Where a scenario's pathway was measured, how long it took to compile.
    public var compilation: CompilationBenchmark?

    /// Measures `model` dense, and along a pathway where one is given, at each prompt length.
    public init(
        of model: DecoderModel, named name: String, along pathway: Pathway?, promptTokens: [Int], generateTokens: Int,
        repetitions: Int, seed: UInt64, loadSeconds: Double, onProgress: (_ done: Int, _ total: Int) -> Void
    ) throws {
        let pathways: [Pathway?] = pathway.map { [nil, $0] } ?? [nil]
        for tokens in promptTokens {
            try SpeedBenchmark.check(model, promptTokens: tokens, generateTokens: generateTokens)
        }
        // Once at every length without the meter's memory, for the peak, which is also the caches' warm-up.
        for (index, tokens) in promptTokens.enumerated() {
            _ = try SpeedBenchmark(
                model, along: pathways, promptTokens: tokens, generateTokens: 1, repetitions: 0, seed: seed)
            onProgress(index + 1, promptTokens.count * (repetitions + 2))
        }
        peakResidentBytes = SpeedBenchmark.peakResidentBytes
        let meter = try MachineLimitsMeter(model.pool)
        let others = OtherPrograms()
        let benchmarks = try promptTokens.enumerated().map { index, tokens in
            try SpeedBenchmark(
                model, along: pathways, promptTokens: tokens, generateTokens: generateTokens,
                repetitions: repetitions, seed: seed, meter: meter
            ) {
                onProgress(
                    promptTokens.count + index * (repetitions + 1) + $0 + 1, promptTokens.count * (repetitions + 2))
            }
        }
        otherProgramsShare = others.share
        let measured = benchmarks.flatMap(\.limits)
        func median(_ limit: KeyPath<MachineLimits, Double>) -> Double {
            SpeedBenchmark.median(measured.map { $0[keyPath: limit] })
        }
        let limits = MachineLimits(
            readBytesPerSecond: median(\.readBytesPerSecond), int8PerSecond: median(\.int8PerSecond),
            float32PerSecond: median(\.float32PerSecond), stepsPerSecond: median(\.stepsPerSecond))
        self.model = name
        threads = model.pool.threads
        instructionSet = model.pool.instructionSet
        precision = model.precision.rawValue
        weightBytes = model.weightBytes
        self.loadSeconds = loadSeconds
        self.limits = limits
        lengths = zip(promptTokens, benchmarks).map { tokens, benchmark in
            let comparison = Comparison(
                model: model, limits: limits, promptTokens: tokens, generateTokens: generateTokens)
            return Length(
                promptTokens: tokens, generateTokens: generateTokens,
                dense: comparison.speed(benchmark.samples[0], PathwayCost(model)),
                pathway: pathway.map { comparison.pruned($0, dense: benchmark.samples[0], benchmark.samples[1]) })
        }
    }
}

/// Holds speeds against the machine's limits and against each other.
private struct Comparison {
    let model: DecoderModel
    let limits: MachineLimits
    let promptTokens: Int
    let generateTokens: Int

    /// Positions before the middle one of the tokens written.
    private var meanPosition: Double { Double(promptTokens) + Double(generateTokens - 1) / 2 }

    func speed(_ samples: SpeedBenchmark.Samples, _ cost: PathwayCost) -> SpeedReport.Speed {
        let (prefill, decode) = (SpeedBenchmark.median(samples.prefill), SpeedBenchmark.median(samples.decode))
        let peak = model.precision == .int8 ? limits.int8PerSecond : limits.float32PerSecond
        return SpeedReport.Speed(
            prefillTokensPerSecond: prefill, decodeTokensPerSecond: decode, prefillSamples: samples.prefill,
            decodeSamples: samples.decode,
            prefillShareOfPeak: cost.promptLayers(promptTokens) / Double(promptTokens) * prefill / peak,
            decodeShareOfReading: cost.bytes(after: meanPosition) * decode / limits.readBytesPerSecond)
    }

    func pruned(
        _ pathway: Pathway, dense: SpeedBenchmark.Samples, _ samples: SpeedBenchmark.Samples
    ) -> SpeedReport.Pruned {
        let (all, kept) = (PathwayCost(model), PathwayCost(model, along: pathway))
        // Of each repetition, whose two runs were neighbours in time.
        func saved(_ dense: [Double], _ pruned: [Double]) -> Double {
            SpeedBenchmark.median(zip(dense, pruned).map { 1 - $0 / $1 })
        }
        return SpeedReport.Pruned(
            prunedFraction: pathway.prunedFraction(heads: model.configuration.heads), speed: speed(samples, kept),
            prefill: SpeedReport.Saving(
                removed: 1 - kept.prompt(promptTokens) / all.prompt(promptTokens),
                saved: saved(dense.prefill, samples.prefill)),
            decode: SpeedReport.Saving(
                removed: 1 - kept.token(after: meanPosition) / all.token(after: meanPosition),
                bytesRemoved: 1 - kept.bytes(after: meanPosition) / all.bytes(after: meanPosition),
                saved: saved(dense.decode, samples.decode)))
    }
}
