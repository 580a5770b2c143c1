/// Elements in ascending order, run by run: who stops early has not sorted the rest.
package struct AscendingRuns<Element: Comparable>: Sequence, IteratorProtocol {
    /// So few are sorted at once.
    private static var shortest: Int { 256 }
    /// How many elements tell where a run ends.
    private static var sample: Int { 63 }

    private var rest: [Element]

    package init(_ elements: [Element]) { rest = elements }

    /// The next run, about a third of what is left; nil at the end.
    package mutating func next() -> [Element]? {
        guard !rest.isEmpty else { return nil }
        var run = rest
        rest = []
        if run.count > Self.shortest {
            let probes = (0..<Self.sample).map { run[$0 * run.count / Self.sample] }.sorted()
            let last = probes[Self.sample / 3]
            // What precedes the last of the run, or is it, comes first.
            let end = run.partition { last < $0 }
            rest = Array(run[end...])
            run.removeSubrange(end...)
        }
        run.sort()
        return run
    }
}
