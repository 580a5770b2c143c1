import Basics
import Checkpoints
import DomainBasis
import Transformer

/// What the offline stage leaves behind: probes, temperatures, importance, the order of channels, whitelist.
public struct PruningArtifacts: Sendable {
    /// Where the artifacts came from.
    public struct Manifest: Sendable, Codable, Equatable {
        public static let currentVersion = 5

        public var formatVersion = Self.currentVersion
        public var model: ModelFingerprint
        public var modelName: String?
        public var quantization: String
        /// The arithmetic that everything was measured in.
        public var precision: DecoderModel.Precision
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

        /// - Throws: ``PruningError/wrongModel(artifacts:made:model:found:)`` where they were made for another model.
        func check(model found: ModelFingerprint, named name: String?, in directory: URL) throws(PruningError) {
            guard model == found else {
                throw .wrongModel(
                    artifacts: directory.path, made: "\(modelName ?? "unnamed") (\(model))", model: name ?? "this file",
                    found: "\(found)")
            }
        }
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
        try manifest.check(model: model.fingerprint, named: model.configuration.name, in: directory)
        guard manifest.textNormalization == TextNormalization.identifier else {
            throw PruningError.inconsistentArtifacts(
                "text was normalised by \(manifest.textNormalization), this version has \(TextNormalization.identifier)"
            )
        }
        let shape = ArtifactFiles.Shape(model.configuration, domains: manifest.domains.count)
        (probes, validationAccuracy) = try ArtifactFiles.readProbes(in: directory, shape)
        temperatures = try ArtifactFiles.readTemperatures(in: directory, layers: shape.layers)
        channelOrder = try ArtifactFiles.readChannelOrder(in: directory)
        importance = try ArtifactFiles.readImportance(in: directory, shape)
        whitelist = try ArtifactFiles.readWhitelist(in: directory, of: manifest, shape)
        try check(shape)
    }

    /// The order of feed-forward channels to load a model in whose feed-forward blocks are to be pruned.
    ///
    /// - Throws: ``PruningError`` where the artifacts are of another model, which is found out before any weight is
    ///   read.
    public static func channelOrder(in directory: URL, for file: GGUFFile) throws -> ChannelOrder {
        let configuration = try ModelConfiguration(file)
        try ArtifactFiles.readManifest(in: directory).check(
            model: ModelFingerprint(file, configuration), named: configuration.name, in: directory)
        return try ArtifactFiles.readChannelOrder(in: directory)
    }

    /// Changes with any byte of the artifacts in `directory`: 16 hexadecimal digits.
    public static func digest(of directory: URL) -> String {
        var hash = FNV1a()
        for name in ArtifactFiles.names.sorted() {
            guard let file = try? MappedFile(contentsOf: directory.appending(path: name)) else { continue }
            hash.combine(name.utf8)
            hash.combine(file.bytes)
        }
        return hash.hexadecimal
    }

    private func check(_ shape: ArtifactFiles.Shape) throws(PruningError) {
        guard !domains.isEmpty, Set(domains).count == domains.count else {
            throw .inconsistentArtifacts("the domains are \(domains)")
        }
        do {
            try channelOrder.check(layers: shape.layers, channels: shape.configuration.feedForwardWidth)
        } catch {
            throw .inconsistentArtifacts("\(error)")
        }
        if let domain = domains.first(where: { manifest.poolDigests["answered/\($0)"] == nil }) {
            throw .inconsistentArtifacts("the domain \(domain) is none of those that they were made from")
        }
    }
}
