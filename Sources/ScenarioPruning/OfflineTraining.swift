import Basics
import DomainBasis
import Transformer

/// The offline stage: channel order, probes, calibration, importance of heads and feed-forward blocks, whitelist.
///
/// Each stage leaves its files in `<output>.partial` when it is done, so a run that was stopped goes on after the
/// last finished stage. The artifacts appear under their name only when they are whole.
public final class OfflineTraining {
    public struct Options: Sendable {
        public var dataDirectory = URL(fileURLWithPath: "data")
        /// The domains to train for; chemistry, finance, history, math, philosophy, technology were selected by
        /// domain-basis synthesis.
        public var domains = ["chemistry", "finance", "history", "math", "philosophy", "technology"]
        /// Training inputs, and answered texts, for each domain; nil for all.
        public var samplesPerDomain: Int?
        public var probe = ProbeTraining()
        /// Layers whose heads are all whitelisted; nil for the default of the model's depth.
        public var foundationLayers: Int?
        /// How much causal importance is measured on; nil leaves it out.
        public var causalBudget: CausalMeasurement.Budget? = CausalMeasurement.Budget()
        public var seed: UInt64 = 42

        /// What these options take, in its order.
        public var stages: [Stage] { Stage.allCases.filter { $0 != .causal || causalBudget != nil } }

        public init() {}
    }

    public enum Stage: String, Sendable, CaseIterable {
        case channelOrder = "channel order"
        case probes
        case calibration
        case importance
        case causal
        case whitelist
    }

    /// How far a stage is.
    public struct Progress: Sendable {
        public let stage: Stage
        public let done: Int
        public let total: Int
        /// Whether the stage was found finished by an earlier run.
        public let resumed: Bool
    }

    private static let mixedTexts = 120

    /// One at a time: a model's weights are most of what a training takes. nil while another one is loaded.
    private var loaded: (model: DecoderModel, reader: FeatureReader)?
    private let load: (_ channelOrder: ChannelOrder?) throws -> DecoderModel
    private let options: Options
    private let place: ArtifactPlace
    private let overwriting: Bool
    private let onProgress: (Progress) -> Void
    /// Inputs alone, for probes.
    private let train: [TextPool]
    /// Those of all other domains that there are inputs of: probes are to see nothing in them.
    private let background: [TextPool]
    /// What pathways run on: questions with their answers.
    private let answered: [TextPool]
    private let validation: [TextPool]
    private let heldOut: [TextPool]

    /// - Parameters:
    ///   - model: given up before it is loaded anew, in an order of its channels.
    ///   - overwriting: whether finished artifacts that stand at `output` give way to new ones. Else they are the
    ///     result where they were made from the same inputs, and ``run()`` refuses where not.
    /// - Throws: ``TextPoolError`` where a pool is missing or malformed; ``PruningError`` where something stands at
    ///   `output` that may not be replaced, or the domains repeat or are none.
    public init(
        _ model: DecoderModel, _ options: Options, output: URL, overwriting: Bool = false,
        onProgress: @escaping (Progress) -> Void = { _ in }
    ) throws {
        loaded = (model, try FeatureReader(model))
        load = model.reloading()
        self.options = options
        place = try ArtifactPlace(output)
        self.overwriting = overwriting
        self.onProgress = onProgress
        guard !options.domains.isEmpty, Set(options.domains).count == options.domains.count else {
            throw PruningError.domains(options.domains)
        }
        let trainDirectory = options.dataDirectory.appending(path: "train")
        let answeredDirectory = options.dataDirectory.appending(path: "answered")
        let validationDirectory = options.dataDirectory.appending(path: "val")
        train = try options.domains.map {
            try TextPool(domain: $0, in: trainDirectory).sample(options.samplesPerDomain, seed: options.seed)
        }
        // A text of a selected domain is not outside it, wherever it stands as well.
        let own = Set(train.flatMap(\.texts))
        background = try TextPool.domains(in: trainDirectory).filter { !options.domains.contains($0) }.map {
            let pool = try TextPool(domain: $0, in: trainDirectory)
                .sample(options.samplesPerDomain, seed: options.seed)
            return TextPool(domain: $0, texts: pool.texts.filter { !own.contains($0) })
        }
        let withAnswers = TextPool.domains(in: answeredDirectory)
        answered = try zip(options.domains, train).map { domain, inputs in
            guard withAnswers.contains(domain) else { return inputs }
            return try TextPool(domain: domain, in: answeredDirectory)
                .sample(options.samplesPerDomain, seed: options.seed)
        }
        validation = try options.domains.map { try TextPool(domain: $0, in: validationDirectory) }
        heldOut = try TextPool.domains(in: validationDirectory).filter { !options.domains.contains($0) }.map {
            try TextPool(domain: $0, in: validationDirectory)
        }
    }

    private var model: DecoderModel { loaded!.model }
    private var reader: FeatureReader { loaded!.reader }

    /// Has the model in an order of its feed-forward channels, in place of the one before.
    private func use(channelOrder: ChannelOrder?) throws {
        if let loaded, loaded.model.channelOrder == channelOrder { return }
        loaded = nil
        let model = try load(channelOrder)
        loaded = (model, try FeatureReader(model))
    }

    private var manifest: PruningArtifacts.Manifest {
        var digests: [String: String] = [:]
        for pool in train + background { digests["train/\(pool.domain)"] = pool.digest }
        for pool in answered { digests["answered/\(pool.domain)"] = pool.digest }
        for pool in validation + heldOut { digests["val/\(pool.domain)"] = pool.digest }
        return PruningArtifacts.Manifest(
            model: model.fingerprint, modelName: model.configuration.name, quantization: model.quantization,
            precision: model.precision,
            domains: options.domains, heldOutDomains: heldOut.map(\.domain),
            textNormalization: TextNormalization.identifier, poolDigests: digests, probeEpochs: options.probe.epochs,
            foundationLayers: options.foundationLayers
                ?? Whitelist.defaultFoundationLayers(of: model.configuration.layers),
            causalBudget: options.causalBudget, seed: options.seed, toolVersion: toolVersion)
    }

    private var partial: URL { place.partial }

    /// What a user should know of the texts: what is missing costs quality.
    public var warnings: [String] {
        var warnings: [String] = []
        let bare = zip(train, answered).filter { $0 == $1 }.map(\.0.domain)
        if !bare.isEmpty {
            warnings.append(
                "no answered texts of \(bare.joined(separator: ", ")): importance is measured on inputs alone")
        }
        if background.allSatisfy(\.texts.isEmpty) {
            warnings.append("no training inputs of other domains: probes do not learn what lies outside")
        }
        if heldOut.isEmpty {
            warnings.append("no validation inputs of other domains: probes are not calibrated for what lies outside")
        }
        return warnings
    }

    /// Runs every stage that is not yet done and moves the artifacts into place.
    ///
    /// - Throws: ``PruningError/finishedArtifacts(_:)`` where other artifacts would be lost; where the work cannot be
    ///   done, why.
    public func run() throws -> PruningArtifacts {
        // A run that failed may have left none.
        if loaded == nil { try use(channelOrder: nil) }
        let manifest = manifest
        if !overwriting, try place.holdsArtifacts(of: manifest) {
            for stage in options.stages { onProgress(Progress(stage: stage, done: 1, total: 1, resumed: true)) }
            return try PruningArtifacts(contentsOf: place.output, for: model)
        }
        try place.prepare(for: manifest)
        let order = try stage(
            .channelOrder, read: { try ArtifactFiles.readChannelOrder(in: partial) }, make: measureChannelOrder,
            write: { try ArtifactFiles.writeChannelOrder($0, in: partial) })
        try use(channelOrder: order)
        return try runRemainingStages(manifest)
    }

    /// Runs the stages after the first, whose order of channels the model has.
    private func runRemainingStages(_ manifest: PruningArtifacts.Manifest) throws -> PruningArtifacts {
        let shape = ArtifactFiles.Shape(model.configuration, domains: options.domains.count)
        let (probes, _) = try stage(
            .probes, read: { try ArtifactFiles.readProbes(in: partial, shape) }, make: trainProbes,
            write: { try ArtifactFiles.writeProbes($0.0, accuracy: $0.1, in: partial) })
        _ = try stage(
            .calibration,
            read: { try ArtifactFiles.readTemperatures(in: partial, layers: shape.layers) },
            make: { try calibrate(probes) },
            write: { try ArtifactFiles.writeJSON($0, ArtifactFiles.temperatures, in: partial) })
        let measured = try stage(
            .importance, read: { try ArtifactFiles.readImportance(in: partial, shape) },
            make: { try measureImportance(probes) }, write: { try ArtifactFiles.writeImportance($0, in: partial) })
        let importance =
            try options.causalBudget.map { budget in
                try stage(
                    .causal, read: { finishedCausal(measured, budget) },
                    make: { try measureCausal(measured, budget) },
                    write: { try ArtifactFiles.writeImportance($0, in: partial) })
            } ?? measured
        _ = try stage(
            .whitelist, read: { try ArtifactFiles.readWhitelist(in: partial, of: manifest, shape) },
            make: {
                guard let energy = importance.heads.tables[.axisEnergy] else {
                    throw PruningError.unmeasuredCriterion(PruningCriterion.axisEnergy.rawValue, measured: [])
                }
                return Whitelist(energy, foundationLayers: manifest.foundationLayers)
            },
            write: { try ArtifactFiles.writeJSON($0, ArtifactFiles.whitelist, in: partial) })
        try ArtifactFiles.remove(ArtifactFiles.causalState, in: partial)
        // Before earlier artifacts give way to them.
        let artifacts = try PruningArtifacts(contentsOf: partial, for: model)
        try place.finish()
        return artifacts
    }

    private func stage<Value>(
        _ stage: Stage, read: () throws -> Value?, make: () throws -> Value, write: (Value) throws -> Void
    ) throws -> Value {
        if let value = try? read() {
            onProgress(Progress(stage: stage, done: 1, total: 1, resumed: true))
            return value
        }
        let value = try make()
        try write(value)
        return value
    }

    // MARK: - Stages

    private func measureChannelOrder() throws -> ChannelOrder {
        try use(channelOrder: nil)
        var measurement = ChannelOrderMeasurement(model, domains: answered.count)
        let total = answered.reduce(0) { $0 + $1.texts.count }
        var done = 0
        for (domain, pool) in answered.enumerated() {
            for text in pool.texts {
                measurement.add(try reader.taps(over: text, of: .channels), domain: domain)
                done += 1
                onProgress(Progress(stage: .channelOrder, done: done, total: total, resumed: false))
            }
        }
        return measurement.result
    }

    private func trainProbes() throws -> ([LinearProbe], [Double]) {
        let layers = model.configuration.layers
        let noDomain: Int? = nil
        let pools = zip(train, train.indices.map(Optional.some)) + background.map { ($0, noDomain) }
        let inputs = pools.map { pool, domain in (texts: pool.texts + pool.namingTexts, domain: domain) }
        let total = (inputs.map(\.texts) + validation.map(\.texts)).reduce(0) { $0 + $1.count } + layers
        var done = 0
        func advance() {
            done += 1
            onProgress(Progress(stage: .probes, done: done, total: total, resumed: false))
        }
        func residuals(_ texts: [String], _ add: (_ text: String, _ residuals: [[Float]]) throws -> Void) throws {
            for text in texts.map(TextNormalization.apply) {
                try add(text, try reader.features(of: text).residuals)
                advance()
            }
        }
        var trainRows: [[[Float]]] = []
        var trainDomains: [Int?] = []
        var sinks = AttentionSinkMeasurement()
        for (texts, domain) in inputs {
            try residuals(texts) { text, residuals in
                sinks.add(first: try reader.firstToken(of: text).residuals, mean: residuals)
                trainRows.append(residuals)
                trainDomains.append(domain)
            }
        }
        var validationRows: [[[Float]]] = []
        var validationDomains: [Int] = []
        for (domain, pool) in validation.enumerated() {
            try residuals(pool.texts) { _, residuals in
                validationRows.append(residuals)
                validationDomains.append(domain)
            }
        }
        var probes: [LinearProbe] = []
        var accuracy: [Double] = []
        for (layer, sink) in sinks.sinks.enumerated() {
            let held = validationRows.map { $0[layer] }
            let probe = options.probe.train(
                residuals: trainRows.map { $0[layer] }, domains: trainDomains, validation: (held, validationDomains),
                domainCount: options.domains.count, ignoring: sink)
            probes.append(probe)
            accuracy.append(probe.accuracy(held, domains: validationDomains))
            advance()
        }
        return (probes, accuracy)
    }

    /// Fits the temperatures of the three regimes on the validation pools, which chose the probes' epochs and no more.
    private func calibrate(_ probes: [LinearProbe]) throws -> [CalibrationRegime: RegimeCalibration] {
        let layers = model.configuration.layers
        let domainCount = options.domains.count
        let mixtures = mixedTexts()
        let total = (validation + heldOut).reduce(0) { $0 + $1.texts.count } + mixtures.count
        var done = 0
        func features(_ text: String) throws -> LayerFeatures {
            defer {
                done += 1
                onProgress(Progress(stage: .calibration, done: done, total: total, resumed: false))
            }
            return try reader.features(of: TextNormalization.apply(text))
        }
        func logits(_ features: [LayerFeatures]) -> [[[Double]]] {
            (0..<layers).map { layer in features.map { probes[layer].logits($0.residuals[layer]) } }
        }
        let single = try validation.map { try $0.texts.map(features) }
        let oneHot = single.enumerated().flatMap { domain, texts in
            texts.map { _ in (0..<domainCount).map { $0 == domain ? 1.0 : 0 } }
        }
        var result: [CalibrationRegime: RegimeCalibration] = [:]
        result[.singleDomain] = RegimeCalibration(fitting: logits(single.flatMap(\.self)), labels: oneHot)
        if !heldOut.isEmpty {
            let axes = DomainAxes(pools: single.map { $0.map { $0.residuals[layers / 2] } })
            let outside = try heldOut.map { try $0.texts.map(features) }
            let labels = outside.flatMap { texts in
                let similarity = axes.similarity(of: texts.map { $0.residuals[layers / 2] })
                return texts.map { _ in similarity }
            }
            result[.outOfDomain] = RegimeCalibration(fitting: logits(outside.flatMap(\.self)), labels: labels)
        }
        if !mixtures.isEmpty {
            let mixed = try mixtures.map { try features($0.text) }
            let labels = mixtures.map { mixture in
                (0..<domainCount).map { mixture.domains.contains($0) ? 1.0 : 0 }
            }
            result[.crossDomain] = RegimeCalibration(fitting: logits(mixed), labels: labels)
        }
        return result
    }

    /// Pairs of validation texts of two domains, joined; domains and texts take turns, order drawn from the seed.
    private func mixedTexts() -> [(text: String, domains: Set<Int>)] {
        let count = validation.count
        guard count > 1 else { return [] }
        var generator = SplitMix64(seed: options.seed)
        let pairs = (0..<count).flatMap { first in (first + 1..<count).map { (first, $0) } }
        return (0..<Self.mixedTexts).map { index in
            let (first, second) = pairs[index % pairs.count]
            let texts = [first, second].map { validation[$0].texts.randomElement(using: &generator)! }
            return (texts.shuffled(using: &generator).joined(separator: " "), [first, second])
        }
    }

    private func measureImportance(_ probes: [LinearProbe]) throws -> ModelImportance {
        var measurements = UnitKind.allCases.map { ImportanceMeasurement($0, of: model, probes: probes) }
        let total = (train + answered).reduce(0) { $0 + $1.texts.count }
        var done = 0
        func read(_ pools: [TextPool], _ add: (_ text: String, _ domain: Int) throws -> Void) throws {
            for (domain, pool) in pools.enumerated() {
                for text in pool.texts {
                    try add(text, domain)
                    done += 1
                    onProgress(Progress(stage: .importance, done: done, total: total, resumed: false))
                }
            }
        }
        try read(train) { text, domain in
            let taps = try reader.taps(over: TextNormalization.apply(text), of: [.heads, .channels])
            for index in measurements.indices { measurements[index].add(normalized: taps, domain: domain) }
        }
        try read(answered) { text, domain in
            let taps = try reader.taps(over: text, of: .all)
            for index in measurements.indices { measurements[index].add(asWritten: taps, domain: domain) }
        }
        return ModelImportance(heads: measurements[0].result, feedForward: measurements[1].result)
    }

    /// The importance where an earlier run has measured all that the budget asks for; else nil.
    private func finishedCausal(
        _ measured: ModelImportance, _ budget: CausalMeasurement.Budget
    ) -> ModelImportance? {
        let wanted = UnitKind.allCases.filter { budget.tokens($0) > 0 }
        return wanted.allSatisfy { measured[$0].tables[.causal] != nil } ? measured : nil
    }

    private func measureCausal(
        _ measured: ModelImportance, _ budget: CausalMeasurement.Budget
    ) throws -> ModelImportance {
        let measurement = CausalMeasurement(model, measured, pools: answered, budget: budget, seed: options.seed)
        let total = measurement.totalPasses
        let state = try? ArtifactFiles.readJSON(
            CausalMeasurement.State.self, ArtifactFiles.causalState, in: partial)
        let result = try measurement.run(resuming: state ?? CausalMeasurement.State()) { state in
            try ArtifactFiles.writeJSON(state, ArtifactFiles.causalState, in: partial)
        } onPass: { done in
            onProgress(Progress(stage: .causal, done: done, total: total, resumed: false))
        }
        return result
    }
}
