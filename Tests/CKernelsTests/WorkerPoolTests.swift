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

    /// A step waits for the tasks that a worker has begun, however long it takes, and goes on without workers after
    /// that; but not for good.
    @Test func stepsEndWithTheirTasks() {
        let pool = sp_pool_create(3, nil)!
        defer { sp_pool_destroy(pool) }
        /// Who did each of 30 tasks; one that is not the caller's takes a while, if it is to.
        func workers(stalling: Bool) -> [Int32] {
            var workers = [Int32](repeating: -1, count: 31)
            workers[30] = stalling ? 1 : 0
            workers.withUnsafeMutableBufferPointer { workers in
                sp_pool_run(
                    pool, 30,
                    { context, task, worker in
                        let workers = context!.assumingMemoryBound(to: Int32.self)
                        workers[Int(task)] = worker
                        usleep(worker > 0 && workers[30] == 1 ? 20_000 : 50)
                    }, workers.baseAddress)
            }
            return Array(workers.prefix(30))
        }
        var isAlone = false
        for _ in 0..<20 where !isAlone {
            let stalled = workers(stalling: true)
            #expect(!stalled.contains(-1))
            if stalled.contains(where: { $0 > 0 }) { isAlone = workers(stalling: false).allSatisfy { $0 == 0 } }
        }
        #expect(isAlone)
        var hasWorkers = false
        for _ in 0..<2000 where !hasWorkers { hasWorkers = workers(stalling: false).contains { $0 > 0 } }
        #expect(hasWorkers)
    }

    @Test func unknownInstructionSetsAreRefused() {
        #expect(sp_pool_create(1, "no-such-set") == nil)
    }
}
