import Basics
import DomainBasis
import Transformer

/// How a pathway is compiled.
public struct CompilationOptions: Sendable, Equatable {
    public var budget = PruningBudget.strength(0.4)
    public var criterion = PruningCriterion.default
    public var compensation = Compensation.default
    /// nil for what the criterion asks for, see ``PruningCriterion/alwaysKeep``.
    public var alwaysKeep: AlwaysKeep?
    /// What may be pruned. With feed-forward blocks among it, the budget is a share of the model's multiply-adds for
    /// each token; with heads alone a share of the heads.
    public var units: Set<UnitKind> = [.heads]
    /// Whether probe probabilities are calibrated.
    public var usesCalibration = true
    /// Whether the diagnosis reads the description with the first quarter of the layers alone.
    public var exitsEarly = false
    /// For criteria that draw at random.
    public var seed: UInt64 = 42

    public init() {}
}

/// A compiled scenario: its pathway and how it came about.
public struct CompiledScenario: Sendable {
    public let pathway: Pathway
    /// The artifacts' domains, in the order of the diagnosis.
    public let domains: [String]
    public let diagnosis: Diagnosis
    /// The fraction that was asked for, and the one reached: of the heads, or of the multiply-adds where feed-forward
    /// blocks were pruned as well.
    public let requestedFraction: Double
    public let reachedFraction: Double
    /// Whether they are of the heads.
    let countsHeads: Bool
    /// The largest of the shares of one unit: what is reached may be off by half of it.
    let largestShare: Double
    /// The fraction of heads that do not run.
    public let prunedFraction: Double
    /// The fraction of the model's multiply-adds for each token, output head included and attention's own products
    /// not, that the pathway does not do.
    public let multiplyAddsRemoved: Double
    public let diagnoseMilliseconds: Double
    /// Scores to pathway, compensation included.
    public let compileMilliseconds: Double
    /// Scores to kept heads alone.
    public let selectMilliseconds: Double

    /// From the description to the pathway.
    public var milliseconds: Double { diagnoseMilliseconds + compileMilliseconds }

    /// What a user should know: that the artifacts tell little of this scenario, or a budget that was not reached.
    public var warnings: [String] {
        var warnings: [String] = []
        if diagnosis.isFallback {
            warnings.append("no domain is relevant to this scenario; what is pruned goes by the average over domains")
        } else if diagnosis.regime == .outOfDomain {
            warnings.append(
                "the description looks like none of \(domains.joined(separator: ", ")); what is pruned goes by those "
                    + "that it is most like")
        }
        if requestedFraction - reachedFraction > max(0.005, largestShare) {
            warnings.append(
                formatted("%.1f%% of the ", 100 * requestedFraction) + (countsHeads ? "heads" : "multiply-adds")
                    + formatted(" were to be pruned, %.1f%% could be: the rest is always kept", 100 * reachedFraction)
                    + (countsHeads ? "" : ", or not among what may be pruned"))
        }
        return warnings
    }
}

/// Compiles scenarios into pathways of one model.
public final class ScenarioCompiler {
    private let model: DecoderModel
    private let artifacts: PruningArtifacts
    private let reader: FeatureReader
    private let dense: PathwayCost
    /// Made when they are first needed.
    private var products: [UnitKind: VectorProducts] = [:]

    public init(_ model: DecoderModel, _ artifacts: PruningArtifacts) throws {
        self.model = model
        self.artifacts = artifacts
        reader = try FeatureReader(model)
        dense = PathwayCost(model)
    }

    /// The pathway of a scenario, at a pruning strength in [0, 1].
    public func compile(_ description: String, strength: Double) throws -> Pathway {
        var options = CompilationOptions()
        options.budget = .strength(strength)
        return try compile(description, options).pathway
    }

    /// One dense pass over the description, then the pathway.
    public func compile(_ description: String, _ options: CompilationOptions) throws -> CompiledScenario {
        try options.budget.check()
        let clock = ContinuousClock()
        let start = clock.now
        let diagnosis = try diagnose(
            description, calibrated: options.usesCalibration, exitingEarly: options.exitsEarly)
        return try compile(diagnosis, options, diagnoseMilliseconds: 1000 * (clock.now - start).inSeconds)
    }

    /// What the probes make of a description.
    ///
    /// - Parameter exitingEarly: run the first quarter of the layers and ask their probes alone.
    public func diagnose(
        _ description: String, calibrated: Bool = true, exitingEarly: Bool = false
    ) throws -> Diagnosis {
        guard !description.allSatisfy(\.isWhitespace) else { throw PruningError.emptyDescription }
        let firstQuarter = Diagnosis.firstQuarter(of: artifacts.probes.count)
        let features = try reader.features(
            of: TextNormalization.apply(description), layers: exitingEarly ? firstQuarter : nil)
        let logits = zip(artifacts.probes, features.residuals).map { $0.logits($1) }
        return Diagnosis(
            logits: logits, firstQuarter: firstQuarter, temperatures: calibrated ? artifacts.temperatures : [:])
    }

    /// What a diagnosis reads of a description.
    public func tokens(of description: String) -> [Int] { reader.tokens(of: TextNormalization.apply(description)) }

    /// The diagnosis of no scenario in particular: every domain equally, of full breadth.
    public var domainAverage: Diagnosis { Diagnosis(equalOver: artifacts.domains.count) }

    /// The pathway of a diagnosis: no pass over any text.
    public func compile(
        _ diagnosis: Diagnosis, _ options: CompilationOptions, diagnoseMilliseconds: Double = 0
    ) throws -> CompiledScenario {
        try options.budget.check()
        guard !options.units.contains(.feedForward) || model.channelOrder == artifacts.channelOrder else {
            throw PruningError.otherChannelOrder
        }
        let clock = ContinuousClock()
        let start = clock.now
        let fraction = options.budget.fraction(breadth: diagnosis.breadth)
        let contests = try contests(diagnosis, options)
        let whole = Double(options.units == [.heads] ? headCount : dense.perToken)
        let selected = UnitSelection.keptUnits(contests.map(\.contest), sparing: fraction * whole)
        let selectedAt = clock.now
        var kept = Dictionary(uniqueKeysWithValues: zip(contests.map(\.kind), selected))
        let keptHeads = kept.removeValue(forKey: .heads) ?? everyHead
        let pathway = Pathway(
            keptHeads: keptHeads, biases: try biases(.heads, keptHeads, diagnosis, options),
            keptBlocks: kept[.feedForward], channelOrder: model.channelOrder,
            feedForwardBiases: try kept[.feedForward].map { try biases(.feedForward, $0, diagnosis, options) } ?? [])
        let pruned = pathway.prunedFraction(heads: model.configuration.heads)
        let removed = PathwayCost(model, along: pathway).removed(from: dense)
        return CompiledScenario(
            pathway: pathway, domains: artifacts.domains, diagnosis: diagnosis, requestedFraction: fraction,
            reachedFraction: options.units == [.heads] ? pruned : removed, countsHeads: options.units == [.heads],
            largestShare: (contests.flatMap(\.contest.costs).max() ?? 0) / whole, prunedFraction: pruned,
            multiplyAddsRemoved: removed, diagnoseMilliseconds: diagnoseMilliseconds,
            compileMilliseconds: 1000 * (clock.now - start).inSeconds,
            selectMilliseconds: 1000 * (selectedAt - start).inSeconds)
    }

    private var headCount: Int { model.configuration.layers * model.configuration.heads }

    private var everyHead: [[Int]] { model.layers.map { _ in Array(0..<model.configuration.heads) } }

    /// What competes for the pathway. Of several kinds, causal importance goes by divergence for each multiply-add
    /// spared; the other criteria do not compare heads with blocks, and prune the lowest places of each kind.
    private func contests(
        _ diagnosis: Diagnosis, _ options: CompilationOptions
    ) throws(PruningError) -> [(kind: UnitKind, contest: UnitSelection.Contest)] {
        let configuration = model.configuration
        let kinds = UnitKind.allCases.filter(options.units.contains)
        var contests: [(UnitKind, UnitSelection.Contest)] = []
        for kind in kinds {
            var order = try options.criterion.scores(
                artifacts.importance[kind], weights: options.criterion.weights(of: diagnosis), seed: options.seed)
            var costs = (0..<kind.count(configuration)).map { Double(kind.multiplyAdds(of: $0, configuration)) }
            var sharing = kind.sharing(configuration).map { (units: $0.units, cost: Double($0.multiplyAdds)) }
            if kinds == [.heads] {
                costs = costs.map { _ in 1 }
                sharing = nil
            } else if options.criterion == .causal {
                order = order.map { zip($0, costs).map { $0 / $1 } }
            } else {
                order = UnitSelection.places(of: order)
            }
            let protected =
                kind == .heads
                ? protectedHeads(options.alwaysKeep ?? options.criterion.alwaysKeep) : order.map { _ in [] }
            let contest = UnitSelection.Contest(order: order, costs: costs, sharing: sharing, protected: protected)
            contests.append((kind, contest))
        }
        return contests
    }

    private func protectedHeads(_ alwaysKeep: AlwaysKeep) -> [[Int]] {
        switch alwaysKeep {
        case .whitelist: return artifacts.whitelist.heads
        case .none: return artifacts.whitelist.heads.map { _ in [] }
        case .foundation:
            return artifacts.whitelist.heads.indices.map { layer in
                layer < artifacts.whitelist.foundationLayers ? Array(0..<model.configuration.heads) : []
            }
        }
    }

    /// beta_l = sum over pruned units u of W_u sum_k s'_k mu_{l,u,k}, `[layers][width]`; empty for no compensation.
    private func biases(
        _ kind: UnitKind, _ kept: [[Int]], _ diagnosis: Diagnosis, _ options: CompilationOptions
    ) throws -> [[Float]] {
        guard options.compensation == .mean else { return [] }
        let count = kind.count(model.configuration)
        let layers = kept.enumerated().map { (layer: $0, pruned: missing(from: $1, of: count)) }
            .filter { !$0.pruned.isEmpty }
        let products = try products[kind] ?? kind.meanProducts(of: model, layers: kept.count)
        self.products[kind] = products
        let writes = kind.meanWrites(
            layers, artifacts.importance[kind], mixture: diagnosis.mixture, of: model, by: products)
        guard writes.allSatisfy({ $0.allSatisfy(\.isFinite) }) else {
            throw PruningError.inconsistentArtifacts("the means of \(kind.rawValue) are too large")
        }
        var biases: [[Float]] = kept.map { _ in [] }
        for ((layer, _), write) in zip(layers, writes) { biases[layer] = write }
        return biases
    }
}

/// The numbers below `count` that `ascending` lacks.
private func missing(from ascending: [Int], of count: Int) -> [Int] {
    var rest = ascending[...]
    return (0..<count).filter { number in
        guard rest.first == number else { return true }
        rest.removeFirst()
        return false
    }
}
