import Foundation
import TestSupport
import Testing

@testable import Basics

@Suite struct ProcessorQuotaTests {
    private func quota(_ groups: String, _ files: [String: String]) throws -> Double? {
        try Fixtures.withTemporaryDirectory { folder in
            for (path, text) in files {
                let file = folder.appending(path: path)
                try FileManager.default.createDirectory(
                    at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
                try Data(text.utf8).write(to: file)
            }
            return ProcessorQuota.processors(of: groups, under: folder.path)
        }
    }

    /// The first version's groups have a hierarchy for each controller, those of the second one for all.
    @Test func theLeastLimitOfAllGroupsCounts() throws {
        let second = "0::/system.slice/docker-1.scope\n"
        #expect(try quota(second, ["system.slice/docker-1.scope/cpu.max": "150000 100000\n"]) == 1.5)
        #expect(
            try quota(
                second,
                [
                    "system.slice/docker-1.scope/cpu.max": "max 100000\n",
                    "system.slice/cpu.max": "400000 100000\n",
                ]) == 4)
        // In a container, whose group is mounted as the root.
        #expect(try quota(second, ["cpu.max": "50000 100000\n"]) == 0.5)
        #expect(try quota("0::/\n", ["cpu.max": "max 100000\n"]) == nil)
        let first = "4:memory:/a\n3:cpu,cpuacct:/a/b\n0::/\n"
        #expect(
            try quota(
                first,
                [
                    "cpu,cpuacct/a/b/cpu.cfs_quota_us": "300000\n", "cpu,cpuacct/a/b/cpu.cfs_period_us": "100000\n",
                    "cpu,cpuacct/a/cpu.cfs_quota_us": "-1\n", "cpu,cpuacct/a/cpu.cfs_period_us": "100000\n",
                ]) == 3)
        #expect(
            try quota("1:cpu:/x\n", ["cpu/cpu.cfs_quota_us": "200000\n", "cpu/cpu.cfs_period_us": "50000\n"]) == 4)
    }

    @Test func whatIsNoLimitIsNone() throws {
        for text in ["", "max", "0 100000", "-1 100000", "inf 100000", "100000 0", "a b", "1 2 3"] {
            #expect(try quota("0::/\n", ["cpu.max": text]) == nil, "\(text)")
        }
        #expect(try quota("", [:]) == nil)
        #expect(try quota("no groups\n::\n1:cpu\n", [:]) == nil)
    }
}
