/// The K of many candidate domains whose axes balance separation against coverage (Domain-Basis Synthesis).
///
/// With unit axes u and a chosen set S,
///
///     separation(S) = mean over pairs i < j of S of 1 - |u_i . u_j|                (1 for a single axis)
///     coverage(S)   = mean over all candidates c of ||projection of u_c on span(S)||^2
///     objective(S)  = balance * separation + (1 - balance) * coverage
///
/// all in [0, 1]. A chosen candidate covers itself fully. Every set is scored while there are at most
/// ``Options/exhaustiveLimit``; beyond, candidates are added greedily, and then swapped one at a time, best swap first,
/// for as long as that helps. Of sets that score the same (to 1e-12) the first in the order of names is taken.
public struct DomainSelection: Sendable, Equatable {
    public struct Options: Sendable, Equatable {
        /// K.
        public var count = 6
        /// The weight of separation, in [0, 1]; the rest is coverage's.
        public var balance = 0.5
        /// Candidates that must be chosen.
        public var included: [String] = []
        /// The most sets that are scored one by one.
        public var exhaustiveLimit = 200_000

        public init() {}
    }

    /// How the chosen set was found.
    public enum Search: String, Sendable, Codable {
        /// Every set was scored: none is better.
        case exhaustive
        /// Forward selection and swaps: no single swap is better.
        case greedy
    }

    /// In the order of names.
    public let candidates: [String]
    /// Indices into `candidates`, ascending.
    public let chosenIndices: [Int]
    public let separation: Double
    public let coverage: Double
    public let objective: Double
    /// How well the chosen axes span each candidate's, in [0, 1], `[candidates]`.
    public let coverageByCandidate: [Double]
    public let search: Search
    /// How many sets were scored, partial ones of the greedy search included.
    public let setsScored: Int

    public var chosen: [String] { chosenIndices.map { candidates[$0] } }

    public init(_ space: DomainSpace, _ options: Options = Options()) throws(DomainSelectionError) {
        try self.init(candidates: space.domains, axes: space.axes, options)
    }

    /// - Parameters:
    ///   - candidates: names, in any order.
    ///   - axes: the unit axis of each, `[candidates][dimensions]`.
    /// - Throws: ``DomainSelectionError`` where there are too few candidates or names repeat or are unknown.
    public init(
        candidates: [String], axes: [[Double]], _ options: Options = Options()
    ) throws(DomainSelectionError) {
        try DomainSelectionError.requireDistinct(candidates)
        try options.check(candidates: candidates)
        let order = candidates.indices.sorted { candidates[$0] < candidates[$1] }
        let names = order.map { candidates[$0] }
        let included = names.indices.filter { options.included.contains(names[$0]) }
        var scoring = SetScoring(axes: order.map { axes[$0] }, balance: options.balance)
        let free = names.count - included.count
        let sets = binomial(free, options.count - included.count, limit: options.exhaustiveLimit)
        search = sets == nil ? .greedy : .exhaustive
        let indices =
            sets == nil
            ? scoring.greedy(options.count, including: included)
            : scoring.exhaustive(options.count, including: included)
        let span = scoring.span(of: indices)
        self.candidates = names
        chosenIndices = indices.sorted()
        separation = scoring.separation(overlap: span.overlap, count: indices.count)
        coverageByCandidate = span.covered.map { min($0, 1) }
        coverage = coverageByCandidate.reduce(0, +) / Double(names.count)
        objective = options.balance * separation + (1 - options.balance) * coverage
        setsScored = scoring.setsScored
    }
}

extension DomainSelection.Options {
    /// - Throws: ``DomainSelectionError`` where the options do not fit the candidates.
    public func check(candidates: [String]) throws(DomainSelectionError) {
        try DomainSelectionError.requireDistinct(included)
        if candidates.isEmpty || candidates.count < count {
            throw .tooFewCandidates(found: candidates.count, wanted: count)
        }
        if let unknown = included.first(where: { !candidates.contains($0) }) {
            throw .unknownDomain(unknown, known: candidates.sorted())
        }
        if included.count > count { throw .tooManyIncluded(included.count, count: count) }
    }
}

/// How many ways there are to choose `count` of `total`; nil for more than `limit`.
func binomial(_ total: Int, _ count: Int, limit: Int) -> Int? {
    var result = 1
    for step in 0..<min(count, total - count) {
        // Exact: a product of n consecutive numbers is a multiple of n!. Partial results only grow.
        let (product, overflows) = result.multipliedReportingOverflow(by: total - step)
        if overflows { return nil }
        result = product / (step + 1)
        if result > limit { return nil }
    }
    return result <= limit ? result : nil
}

/// Scores sets of axes.
private struct SetScoring {
    /// The span of some axes: what of every axis lies in it, and the rest.
    struct Span {
        var members: [Int] = []
        /// The sum over pairs of members of |cos|.
        var overlap = 0.0
        /// Each axis's part outside the span, `[candidates * dimensions]`.
        var outside: [Double]
        /// The squared norm of each axis's part in the span, `[candidates]`.
        var covered: [Double]
    }

    private static let tie = 1e-12

    private let axes: [[Double]]
    private let balance: Double
    private let dimensions: Int
    private let cosines: [[Double]]
    private(set) var setsScored = 0

    init(axes: [[Double]], balance: Double) {
        self.axes = axes
        self.balance = balance
        dimensions = axes[0].count
        cosines = axes.map { first in axes.map { abs(dot(first, $0)) } }
    }

    func separation(overlap: Double, count: Int) -> Double {
        count < 2 ? 1 : min(max(1 - overlap / Double(count * (count - 1) / 2), 0), 1)
    }

    func span(of members: [Int]) -> Span {
        let empty = Span(outside: axes.flatMap(\.self), covered: axes.map { _ in 0 })
        return members.reduce(into: empty) { add($1, to: &$0) }
    }

    /// The unit direction that an axis adds to a span; nil where the span has it already.
    private func direction(_ axis: Int, outside span: Span) -> [Double]? {
        let rest = Array(span.outside[axis * dimensions..<(axis + 1) * dimensions])
        let length = dot(rest, rest).squareRoot()
        return length > 1e-7 ? rest.map { $0 / length } : nil
    }

    /// Along a direction, the length of the part of an axis that lies outside the span.
    private func length(of axis: Int, along direction: [Double], _ span: Span) -> Double {
        var sum = 0.0
        for i in 0..<dimensions { sum += span.outside[axis * dimensions + i] * direction[i] }
        return sum
    }

    func add(_ axis: Int, to span: inout Span) {
        for member in span.members { span.overlap += cosines[axis][member] }
        span.members.append(axis)
        guard let direction = direction(axis, outside: span) else { return }
        for other in axes.indices {
            let length = length(of: other, along: direction, span)
            span.covered[other] += length * length
            for i in 0..<dimensions { span.outside[other * dimensions + i] -= length * direction[i] }
        }
    }

    /// The objective of a span with one more axis, or as it is.
    private mutating func objective(_ span: Span, adding axis: Int? = nil) -> Double {
        setsScored += 1
        var covered = span.covered.reduce(0, +)
        var overlap = span.overlap
        if let axis {
            for member in span.members { overlap += cosines[axis][member] }
            if let direction = direction(axis, outside: span) {
                for other in axes.indices {
                    let length = length(of: other, along: direction, span)
                    covered += length * length
                }
            }
        }
        let separation = separation(overlap: overlap, count: span.members.count + (axis == nil ? 0 : 1))
        return balance * separation + (1 - balance) * covered / Double(axes.count)
    }

    /// The best of all sets of `count` axes that have those of `included`.
    mutating func exhaustive(_ count: Int, including included: [Int]) -> [Int] {
        let free = axes.indices.filter { !included.contains($0) }
        var best = (objective: -Double.infinity, members: included)
        extend(span(of: included), free[...], missing: count - included.count, &best)
        return best.members
    }

    /// Scores every way to add `missing` of the axes in `free`, in the order of names.
    private mutating func extend(
        _ span: Span, _ free: ArraySlice<Int>, missing: Int, _ best: inout (objective: Double, members: [Int])
    ) {
        guard missing > 0 else {
            best = (objective(span), span.members)
            return
        }
        for position in free.indices.dropLast(missing - 1) {
            let axis = free[position]
            if missing == 1 {
                let found = objective(span, adding: axis)
                if found > best.objective + Self.tie { best = (found, span.members + [axis]) }
            } else {
                var larger = span
                add(axis, to: &larger)
                extend(larger, free[(position + 1)...], missing: missing - 1, &best)
            }
        }
    }

    /// Adds the axis that helps most until there are `count`, then swaps while a swap helps.
    mutating func greedy(_ count: Int, including included: [Int]) -> [Int] {
        var current = span(of: included)
        while current.members.count < count {
            let next = bestAddition(to: current)
            add(next.axis, to: &current)
        }
        var objective = objective(current)
        while true {
            var best = (objective: objective, members: current.members)
            for member in current.members.sorted() where !included.contains(member) {
                let rest = span(of: current.members.filter { $0 != member })
                let next = bestAddition(to: rest)
                if next.objective > best.objective + Self.tie { best = (next.objective, rest.members + [next.axis]) }
            }
            guard best.objective > objective else { return current.members }
            objective = best.objective
            current = span(of: best.members)
        }
    }

    private mutating func bestAddition(to span: Span) -> (axis: Int, objective: Double) {
        var best = (axis: 0, objective: -Double.infinity)
        for axis in axes.indices where !span.members.contains(axis) {
            let found = objective(span, adding: axis)
            if found > best.objective + Self.tie { best = (axis, found) }
        }
        return best
    }
}
