import Basics
import CKernels

/// What a machine can do at best with a pool's threads and vector instructions: the bounds that a model's speed
/// is held against.
public struct MachineLimits: Sendable, Codable, Equatable {
    /// Memory read in order or at several places in turns, whichever is faster, too much of it for the caches, in bytes
    /// per second.
    public var readBytesPerSecond: Double
    /// Products of 8-bit integers whose inputs never leave the first cache, in multiply-adds per second.
    public var int8PerSecond: Double
    /// Products in single precision in registers, in multiply-adds per second.
    public var float32PerSecond: Double
    /// Empty steps of all threads, each of which begins when the last one has ended, per second. Threads on cores that
    /// share no cache take longer to find a step, and to read what others have written.
    public var stepsPerSecond: Double

    public init(
        readBytesPerSecond: Double, int8PerSecond: Double, float32PerSecond: Double, stepsPerSecond: Double
    ) {
        self.readBytesPerSecond = readBytesPerSecond
        self.int8PerSecond = int8PerSecond
        self.float32PerSecond = float32PerSecond
        self.stepsPerSecond = stepsPerSecond
    }
}

/// Measures ``MachineLimits``, again and again: other work on the machine changes them.
public final class MachineLimitsMeter {
    private static let bytes = 256 << 20
    private static let rounds: Int32 = 200_000
    private static let steps: Int32 = 5000

    private let pool: WorkerPool
    private let memory: UnsafeMutablePointer<UInt8>
    private let clock = ContinuousClock()

    /// Takes 256 MB of memory, of the kind that weights are in.
    public init(_ pool: WorkerPool) throws(DecoderError) {
        guard let memory = sp_tiles_allocate(Self.bytes) else { throw .outOfMemory("measuring the machine") }
        self.pool = pool
        self.memory = memory
        memory.update(repeating: 1, count: Self.bytes)
    }

    deinit { sp_tiles_free(memory) }

    /// Takes some tens of milliseconds.
    public func measure() -> MachineLimits {
        MachineLimits(
            readBytesPerSecond: max(read(inTurns: false), read(inTurns: true)),
            int8PerSecond: perSecond { Double(sp_limit_multiply(pool.pointer, SP_LIMIT_INT8, Self.rounds)) },
            float32PerSecond: perSecond { Double(sp_limit_multiply(pool.pointer, SP_LIMIT_FLOAT, Self.rounds)) },
            stepsPerSecond: perSecond {
                sp_limit_steps(pool.pointer, Self.steps)
                return Double(Self.steps)
            })
    }

    private func read(inTurns: Bool) -> Double {
        perSecond { Double(sp_limit_read(pool.pointer, memory, Self.bytes, inTurns)) }
    }

    private func perSecond(_ work: () -> Double) -> Double {
        let start = clock.now
        let done = work()
        return done / max((clock.now - start).inSeconds, 1e-9)
    }
}
