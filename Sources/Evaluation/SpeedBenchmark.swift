import Basics
import Transformer

/// How fast a model reads a prompt and writes text along several pathways, which take turns so that whatever else
/// the machine does is spread over all of them.
public struct SpeedBenchmark: Sendable {
    /// One pathway's speed in tokens per second, a sample for each repetition.
    public struct Samples: Sendable, Equatable {
        public var prefill: [Double] = []
        public var decode: [Double] = []
    }

    /// In the order the pathways were given.
    public private(set) var samples: [Samples]
    /// The machine's limits, measured once in each repetition; empty where there is no meter.
    public private(set) var limits: [MachineLimits] = []

    /// Reads a prompt of random tokens and writes `generateTokens`, `repetitions` times after one that is not
    /// counted. The same seed takes the same tokens.
    ///
    /// - Parameter pathways: nil for the dense model.
    public init(
        _ model: DecoderModel, along pathways: [Pathway?], promptTokens: Int, generateTokens: Int, repetitions: Int,
        seed: UInt64, meter: MachineLimitsMeter? = nil, onProgress: (Int) -> Void = { _ in }
    ) throws {
        try Self.check(model, promptTokens: promptTokens, generateTokens: generateTokens)
        let sessions = try pathways.map { try InferenceSession(model, along: $0) }
        var generator = SplitMix64(seed: seed)
        let vocabulary = model.tokenizer.vocabularySize
        func token() -> Int { Int(generator.next() % UInt64(vocabulary)) }
        let prompt = (0..<promptTokens).map { _ in token() }
        let continuation = (0..<generateTokens).map { _ in token() }
        samples = pathways.map { _ in Samples() }
        let clock = ContinuousClock()
        for repetition in 0...repetitions {
            // Who goes first changes, so that no pathway always follows the meter.
            for turn in pathways.indices {
                let index = (turn + repetition) % pathways.count
                let session = sessions[index]
                session.reset()
                let start = clock.now
                _ = try session.likeliestToken(after: prompt)
                let read = clock.now
                for token in continuation { _ = try session.likeliestToken(after: [token]) }
                let written = clock.now
                guard repetition > 0 else { continue }
                samples[index].prefill.append(Double(promptTokens) / (read - start).inSeconds)
                samples[index].decode.append(Double(generateTokens) / (written - read).inSeconds)
            }
            if let meter, repetition > 0 { limits.append(meter.measure()) }
            onProgress(repetition)
        }
    }

    /// - Throws: ``DecoderError/contextExceeded(needed:limit:)`` where so many tokens do not fit.
    static func check(_ model: DecoderModel, promptTokens: Int, generateTokens: Int) throws(DecoderError) {
        let limit = model.configuration.contextLength
        let (needed, overflow) = promptTokens.addingReportingOverflow(generateTokens)
        guard !overflow, needed <= limit else {
            throw .contextExceeded(needed: overflow ? .max : needed, limit: limit)
        }
    }

    public static func median(_ values: [Double]) -> Double {
        let sorted = values.sorted()
        guard !sorted.isEmpty else { return 0 }
        return (sorted[(sorted.count - 1) / 2] + sorted[sorted.count / 2]) / 2
    }

    private static var usage: rusage {
        var usage = rusage()
        #if canImport(Darwin)
            getrusage(RUSAGE_SELF, &usage)
        #else
            getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
        #endif
        return usage
    }

    /// The most memory this process has had resident, in bytes.
    public static var peakResidentBytes: Int {
        #if canImport(Darwin)
            Int(usage.ru_maxrss)
        #else
            // Linux counts in KiB.
            Int(usage.ru_maxrss) * 1024
        #endif
    }

    /// Seconds that this process has had of processors.
    static var processorSeconds: Double {
        [usage.ru_utime, usage.ru_stime].reduce(0) { $0 + Double($1.tv_sec) + Double($1.tv_usec) / 1e6 }
    }
}
