import Checkpoints
import DomainBasis
import Foundation
import Transformer

/// What the offline stage leaves behind: probes, temperatures, importance, the order of channels, whitelist.
public struct PruningArtifacts: Sendable {
    /// Where the artifacts came from.
    public struct Manifest: Sendable, Codable, Equatable {
        public static let currentVersion = 4

        public var formatVersion = Self.currentVersion
        public var model: ModelFingerprint
        public var modelName: String?
        public var quantization: String
        /// The selected domains; every array over domains has this order.
        public var domains: [String]
        /// Domains that stood for what lies outside in the calibration.
        public var heldOutDomains: [String]
        public var textNormalization: String
        /// Digests of the pools, by `train/<domain>`, `val/<domain>` and `answered/<domain>`; the last is that of the
        /// training inputs where a domain has no answered texts.
        public var poolDigests: [String: String]
        public var probeEpochs: Int
        public var foundationLayers: Int
        /// How much causal importance was measured on; nil where it was not measured.
        public var causalBudget: CausalMeasurement.Budget?
        public var seed: UInt64
        public var toolVersion: String
    }

    public let manifest: Manifest
    /// One for each layer.
    public let probes: [LinearProbe]
    /// Accuracy of each layer's probe on the validation pools.
    public let validationAccuracy: [Double]
    public let temperatures: [CalibrationRegime: RegimeCalibration]
    /// The order of feed-forward channels that the importance of blocks is about.
    public let channelOrder: ChannelOrder
    public let importance: ModelImportance
    public let whitelist: Whitelist

    public var domains: [String] { manifest.domains }

    /// Reads the artifacts in `directory` and checks that they were made for `model`.
    public init(contentsOf directory: URL, for model: DecoderModel) throws {
        manifest = try ArtifactFiles.readManifest(in: directory)
        guard manifest.model == model.fingerprint else {
            throw PruningError.wrongModel(
                artifacts: directory.path, made: "\(manifest.modelName ?? "unnamed") (\(manifest.model))",
                model: model.configuration.name ?? "this file", found: "\(model.fingerprint)")
        }
        guard manifest.textNormalization == TextNormalization.identifier else {
            throw PruningError.inconsistentArtifacts(
                "text was normalised by \(manifest.textNormalization), this version has \(TextNormalization.identifier)"
            )
        }
        let shape = ArtifactFiles.Shape(model.configuration, domains: manifest.domains.count)
        (probes, validationAccuracy) = try ArtifactFiles.readProbes(in: directory, shape)
        temperatures = try ArtifactFiles.readJSON(
            [CalibrationRegime: RegimeCalibration].self, ArtifactFiles.temperatures, in: directory)
        channelOrder = try ArtifactFiles.readChannelOrder(in: directory)
        importance = try ArtifactFiles.readImportance(in: directory, shape)
        whitelist = try ArtifactFiles.readJSON(Whitelist.self, ArtifactFiles.whitelist, in: directory)
        try check(shape)
    }

    /// The order of feed-forward channels to load a model in whose feed-forward blocks are to be pruned.
    public static func channelOrder(in directory: URL) throws(PruningError) -> ChannelOrder {
        try ArtifactFiles.readChannelOrder(in: directory)
    }

    init(
        manifest: Manifest, probes: [LinearProbe], validationAccuracy: [Double],
        temperatures: [CalibrationRegime: RegimeCalibration], channelOrder: ChannelOrder,
        importance: ModelImportance, whitelist: Whitelist
    ) {
        self.manifest = manifest
        self.probes = probes
        self.validationAccuracy = validationAccuracy
        self.temperatures = temperatures
        self.channelOrder = channelOrder
        self.importance = importance
        self.whitelist = whitelist
    }

    private func check(_ shape: ArtifactFiles.Shape) throws(PruningError) {
        guard !domains.isEmpty, Set(domains).count == domains.count else {
            throw .inconsistentArtifacts("the domains are \(domains)")
        }
        guard temperatures[.singleDomain] != nil else {
            throw .inconsistentArtifacts("there are no temperatures for \(CalibrationRegime.singleDomain.rawValue)")
        }
        for (regime, calibration) in temperatures {
            guard calibration.temperatures.count == shape.layers,
                calibration.temperatures.allSatisfy({ $0 > 0 && $0.isFinite })
            else { throw .inconsistentArtifacts("\(regime.rawValue) needs \(shape.layers) positive temperatures") }
        }
        do {
            try channelOrder.check(layers: shape.layers, channels: shape.configuration.feedForwardWidth)
        } catch {
            throw .inconsistentArtifacts("\(error)")
        }
        guard whitelist.heads.count == shape.layers,
            whitelist.heads.allSatisfy({ $0.allSatisfy((0..<shape.heads).contains) })
        else { throw .inconsistentArtifacts("the whitelist names heads the model does not have") }
    }
}
