/// How many processors' time a container or service leaves this process.
package enum ProcessorQuota {
    /// nil where nothing limits it, or where the system does not say: Linux does, by control groups.
    package static var current: Double? {
        guard let groups = try? InputFile.contentsIfPresent(of: URL(fileURLWithPath: "/proc/self/cgroup")) else {
            return nil
        }
        return processors(of: String(decoding: groups, as: UTF8.self), under: "/sys/fs/cgroup")
    }

    /// The least that the groups and those they lie in allow.
    ///
    /// - Parameters:
    ///   - groups: a line `number:controllers:path` for each hierarchy, see cgroups(7).
    ///   - root: where the hierarchies are mounted.
    static func processors(of groups: String, under root: String) -> Double? {
        var least: Double?
        for line in groups.split(separator: "\n") {
            let parts = line.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
            guard parts.count == 3 else { continue }
            let limit: (String) -> Double?
            let hierarchies: Set<String>
            if parts[1].isEmpty {
                (hierarchies, limit) = (["", "unified"], limitOfVersion2)
            } else if parts[1].split(separator: ",").contains("cpu") {
                (hierarchies, limit) = ([String(parts[1]), "cpu"], limitOfVersion1)
            } else {
                continue
            }
            // A container sees its own group as the root, or under the name that it has outside, where none is mounted.
            let path = parts[2].split(separator: "/").map(String.init)
            for hierarchy in hierarchies {
                for depth in 0...path.count {
                    let folder = ([root, hierarchy] + path.prefix(depth)).joined(separator: "/")
                    if let found = limit(folder) { least = min(least ?? found, found) }
                }
            }
        }
        return least
    }

    /// `cpu.max`: microseconds of processors in each period, or `max`, and the period.
    private static func limitOfVersion2(_ folder: String) -> Double? {
        let numbers = words(of: folder, "cpu.max").map { Double($0) }
        guard numbers.count == 2, let quota = numbers[0], let period = numbers[1] else { return nil }
        return share(quota, period)
    }

    private static func limitOfVersion1(_ folder: String) -> Double? {
        guard let quota = words(of: folder, "cpu.cfs_quota_us").first.flatMap(Double.init),
            let period = words(of: folder, "cpu.cfs_period_us").first.flatMap(Double.init)
        else { return nil }
        return share(quota, period)
    }

    private static func share(_ quota: Double, _ period: Double) -> Double? {
        quota > 0 && period > 0 && quota.isFinite ? quota / period : nil
    }

    private static func words(of folder: String, _ file: String) -> [Substring] {
        let url = URL(fileURLWithPath: "\(folder)/\(file)")
        guard let data = try? InputFile.contentsIfPresent(of: url) else { return [] }
        return String(decoding: data, as: UTF8.self).split(whereSeparator: \.isWhitespace)
    }
}
