import Basics
import CKernels

/// The threads that a model computes with. Several sessions may share one: they take turns, step by step.
public final class WorkerPool: @unchecked Sendable {
    let pointer: OpaquePointer
    /// How many threads work, the caller's own among them.
    public let threads: Int
    /// The vector instructions in use: `avx512-vnni`, `neon-i8mm`, `portable` and so on.
    public let instructionSet: String

    /// - Parameters:
    ///   - threads: how many threads; nil for as many as this process may run at once.
    ///   - instructionSet: one of ``instructionSets``; nil for the fastest.
    public init(threads: Int? = nil, instructionSet: String? = nil) throws(DecoderError) {
        let count = threads ?? min(Self.availableProcessors, Self.mostThreads)
        guard (1...Self.mostThreads).contains(count) else {
            throw .noWorkers("\(count) threads, expected 1 to \(Self.mostThreads)")
        }
        if let instructionSet, !Self.instructionSets.contains(instructionSet) {
            throw .noWorkers(
                "this processor has no \(instructionSet); it has \(Self.instructionSets.joined(separator: ", "))")
        }
        guard let pool = sp_pool_create(Int32(count), instructionSet) else {
            throw .noWorkers("the system gave no \(count) threads")
        }
        pointer = pool
        self.threads = count
        self.instructionSet = String(cString: sp_pool_instruction_set(pool))
    }

    private static let mostThreads = 1024

    /// How many threads can run at once; in a container as many as it has processors' time for, rounded up. More of
    /// them would only be stopped.
    private static var availableProcessors: Int {
        let processors = Int(sp_available_processors())
        guard let quota = ProcessorQuota.current, quota < Double(processors) else { return processors }
        return max(1, Int(quota.rounded(.up)))
    }

    /// What this processor can run, fastest first.
    public static var instructionSets: [String] {
        (0..<sp_instruction_set_count()).compactMap { sp_instruction_set_name($0).map { String(cString: $0) } }
    }

    deinit { sp_pool_destroy(pointer) }
}
