import Basics

/// What other programs use of the machine's processors from now on.
struct OtherPrograms {
    private struct Times {
        /// Seconds of all processors together: that anything ran, and that passed.
        let busy: Double
        let passed: Double
        /// Of this process.
        let own: Double

        /// nil where the system does not say: Linux does.
        init?() {
            guard let text = try? String(contentsOf: URL(fileURLWithPath: "/proc/stat"), encoding: .utf8),
                let line = text.split(separator: "\n").first, line.hasPrefix("cpu ")
            else { return nil }
            // user, nice, system, idle, iowait, irq, softirq, steal; guests count as user.
            let ticks = line.split(separator: " ").dropFirst().prefix(8).compactMap { Double($0) }
            guard ticks.count == 8 else { return nil }
            let second = Double(sysconf(Int32(_SC_CLK_TCK)))
            passed = ticks.reduce(0, +) / second
            busy = passed - (ticks[3] + ticks[4]) / second
            own = SpeedBenchmark.processorSeconds
        }
    }

    private let start = Times()

    /// The share of all processors' time that they took, in [0, 1]; nil where the system does not say.
    var share: Double? {
        guard let start, let end = Times(), end.passed > start.passed else { return nil }
        return max(0, (end.busy - start.busy) - (end.own - start.own)) / (end.passed - start.passed)
    }
}
