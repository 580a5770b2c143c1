import Foundation
import Transformer

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

/// How fast a model reads prompts and writes text along a pathway.
public struct SpeedBenchmark: Sendable {
    /// Tokens per second of each repetition.
    public private(set) var prefill: [Double] = []
    public private(set) var decode: [Double] = []

    /// Reads a prompt of random tokens and writes `generateTokens`, `repetitions` times after one that is not
    /// counted. The same seed takes the same tokens.
    public init(
        _ model: DecoderModel, along pathway: Pathway?, promptTokens: Int, generateTokens: Int, repetitions: Int,
        seed: UInt64, onProgress: (Int) -> Void = { _ in }
    ) throws {
        let session = try InferenceSession(model, along: pathway)
        guard promptTokens + generateTokens <= session.contextLimit else {
            throw DecoderError.contextExceeded(needed: promptTokens + generateTokens, limit: session.contextLimit)
        }
        var generator = SplitMix64(seed: seed)
        let vocabulary = model.tokenizer.vocabularySize
        func token() -> Int { Int(generator.next() % UInt64(vocabulary)) }
        let prompt = (0..<promptTokens).map { _ in token() }
        let continuation = (0..<generateTokens).map { _ in token() }
        let clock = ContinuousClock()
        for repetition in 0...repetitions {
            session.reset()
            let start = clock.now
            _ = try session.logits(after: prompt)
            let read = clock.now
            for token in continuation { _ = try session.logits(after: [token]) }
            let written = clock.now
            onProgress(repetition)
            guard repetition > 0 else { continue }
            prefill.append(Double(promptTokens) / (read - start).inSeconds)
            decode.append(Double(generateTokens) / (written - read).inSeconds)
        }
    }

    public static func median(_ values: [Double]) -> Double {
        let sorted = values.sorted()
        guard !sorted.isEmpty else { return 0 }
        return (sorted[(sorted.count - 1) / 2] + sorted[sorted.count / 2]) / 2
    }

    /// The most memory this process has had resident, in bytes.
    public static var peakResidentBytes: Int {
        var usage = rusage()
        #if canImport(Darwin)
            getrusage(RUSAGE_SELF, &usage)
            return Int(usage.ru_maxrss)
        #else
            // Linux counts in KiB.
            getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
            return Int(usage.ru_maxrss) * 1024
        #endif
    }
}
