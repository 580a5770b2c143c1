import CKernels
import Foundation
import Testing

@Suite struct WorkerPoolTests {
    /// Every task runs once, with more threads than processors, through both spinning and parked workers.
    @Test func everyTaskRunsOnce() {
        let pool = sp_pool_create(7, nil)!
        defer { sp_pool_destroy(pool) }
        for round in 0..<300 {
            let tasks = round % 40
            var counts = [Int32](repeating: 0, count: max(tasks, 1))
            counts.withUnsafeMutableBufferPointer { counts in
                sp_pool_run(
                    pool, Int32(tasks),
                    { context, task, _ in context!.assumingMemoryBound(to: Int32.self)[Int(task)] += 1 },
                    counts.baseAddress)
            }
            #expect(counts.allSatisfy { $0 == (tasks == 0 ? 0 : 1) })
            if round % 100 == 0 { Thread.sleep(forTimeInterval: 0.01) }
        }
    }

    /// Callers take turns, and workers that come late to a step take none of the next one's tasks for it.
    @Test func callersTakeTurns() {
        nonisolated(unsafe) let pool = sp_pool_create(5, nil)!
        defer { sp_pool_destroy(pool) }
        DispatchQueue.concurrentPerform(iterations: 4) { caller in
            for round in 0..<500 {
                let tasks = 2 + (7 * round + caller) % 60
                var counts = [Int32](repeating: 0, count: 64)
                counts.withUnsafeMutableBufferPointer { counts in
                    sp_pool_run(
                        pool, Int32(tasks),
                        { context, task, _ in context!.assumingMemoryBound(to: Int32.self)[Int(task)] += 1 },
                        counts.baseAddress)
                }
                #expect(counts == (0..<64).map { $0 < tasks ? 1 : 0 })
            }
        }
    }

    @Test func unknownInstructionSetsAreRefused() {
        #expect(sp_pool_create(1, "no-such-set") == nil)
    }
}
