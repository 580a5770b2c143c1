import DomainBasis
import Foundation
import Transformer

/// How a pathway is compiled.
public struct CompilationOptions: Sendable, Equatable {
    public var budget = PruningBudget.strength(0.4)
    public var criterion = PruningCriterion.default
    public var compensation = Compensation.default
    public var alwaysKeep = AlwaysKeep.whitelist
    /// Whether probe probabilities are calibrated.
    public var usesCalibration = true
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
    /// The fraction of heads that was asked for, and the one reached.
    public let requestedFraction: Double
    public let prunedFraction: Double
    public let diagnoseMilliseconds: Double
    /// Scores to pathway, compensation included.
    public let compileMilliseconds: Double
    /// Scores to kept heads alone.
    public let selectMilliseconds: Double

    /// What a user should know: a fallback, or a budget that was not reached.
    public var warnings: [String] {
        var warnings: [String] = []
        if diagnosis.isFallback {
            warnings.append("no domain is relevant to this scenario; heads are ranked by their average over domains")
        }
        if requestedFraction - prunedFraction > 0.005 {
            warnings.append(
                String(
                    format: "%.1f%% of the heads were to be pruned, %.1f%% could be: the others are always kept",
                    100 * requestedFraction, 100 * prunedFraction))
        }
        return warnings
    }
}

/// Compiles scenarios into pathways of one model.
public final class ScenarioCompiler {
    private let model: DecoderModel
    private let artifacts: PruningArtifacts
    private let reader: FeatureReader

    public init(_ model: DecoderModel, _ artifacts: PruningArtifacts) throws {
        self.model = model
        self.artifacts = artifacts
        reader = try FeatureReader(model)
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
        let diagnosis = try diagnose(description, calibrated: options.usesCalibration)
        return try compile(diagnosis, options, diagnoseMilliseconds: 1000 * (clock.now - start).inSeconds)
    }

    /// What the probes make of a description.
    public func diagnose(_ description: String, calibrated: Bool = true) throws -> Diagnosis {
        guard !description.allSatisfy(\.isWhitespace) else { throw PruningError.emptyDescription }
        let features = try reader.features(of: TextNormalization.apply(description))
        let logits = zip(artifacts.probes, features.residuals).map { $0.logits($1) }
        return Diagnosis(logits: logits, temperatures: calibrated ? artifacts.temperatures : [:])
    }

    /// The diagnosis of no scenario in particular: every domain equally, of full breadth.
    public var domainAverage: Diagnosis { Diagnosis(equalOver: artifacts.domains.count) }

    /// The pathway of a diagnosis: no pass over any text.
    public func compile(
        _ diagnosis: Diagnosis, _ options: CompilationOptions, diagnoseMilliseconds: Double = 0
    ) throws -> CompiledScenario {
        try options.budget.check()
        let clock = ContinuousClock()
        let start = clock.now
        let fraction = options.budget.fraction(breadth: diagnosis.breadth)
        let scores = options.criterion.scores(artifacts.importance, weights: diagnosis.weights, seed: options.seed)
        let kept = HeadSelection.keptHeads(
            scores: scores, fraction: fraction, protected: protectedHeads(options.alwaysKeep))
        let selected = clock.now
        let biases = options.compensation == .mean ? try compensation(kept, diagnosis.mixture) : []
        let pathway = Pathway(keptHeads: kept, biases: biases)
        return CompiledScenario(
            pathway: pathway, domains: artifacts.domains, diagnosis: diagnosis, requestedFraction: fraction,
            prunedFraction: pathway.prunedFraction(heads: model.configuration.heads),
            diagnoseMilliseconds: diagnoseMilliseconds, compileMilliseconds: 1000 * (clock.now - start).inSeconds,
            selectMilliseconds: 1000 * (selected - start).inSeconds)
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

    /// beta_l = sum over pruned h of W_O^{(l,h)} sum_k s'_k mu_{l,h,k}, `[layers][width]`.
    private func compensation(_ kept: [[Int]], _ mixture: [Double]) throws -> [[Float]] {
        let size = model.configuration.headSize
        return try kept.enumerated().map { layer, heads in
            guard heads.count < model.configuration.heads else { return [] }
            var means = artifacts.meanHeads(layer: layer, mixture: mixture)
            for head in heads { for i in head * size..<(head + 1) * size { means[i] = 0 } }
            return try model.layers[layer].output.multiply(means, on: model.pool)
        }
    }
}
