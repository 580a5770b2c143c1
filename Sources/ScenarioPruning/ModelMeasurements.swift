import Checkpoints
import DomainBasis
import Foundation

/// What artifacts say about a model's layers and heads, read without the model: for looking at, not for compiling.
public struct ModelMeasurements: Sendable {
    /// Head importance by one criterion.
    public struct Importance: Sendable {
        /// As the command line spells it: `axis-energy`.
        public let criterion: String
        public let table: HeadTable

        public init(criterion: String, table: HeadTable) {
            self.criterion = criterion
            self.table = table
        }
    }

    public let manifest: PruningArtifacts.Manifest
    /// Of the probes on the validation pools, `[layers]`.
    public let validationAccuracy: [Double]
    public let temperatures: [CalibrationRegime: RegimeCalibration]
    /// In the order of names.
    public let importances: [Importance]
    public let whitelist: Whitelist

    public var domains: [String] { manifest.domains }

    /// Reads the artifacts in `directory`, whatever model they are of.
    ///
    /// - Throws: ``PruningError`` where a file is missing, malformed or does not agree with the others.
    public init(contentsOf directory: URL) throws {
        let manifest = try ArtifactFiles.readJSON(
            PruningArtifacts.Manifest.self, ArtifactFiles.manifest, in: directory)
        guard manifest.formatVersion == PruningArtifacts.Manifest.currentVersion else {
            throw PruningError.unreadableArtifacts(
                directory.path,
                detail: "format version \(manifest.formatVersion), "
                    + "expected \(PruningArtifacts.Manifest.currentVersion)")
        }
        let accuracy = try ArtifactFiles.tensors(ArtifactFiles.probes, in: directory)["validation_accuracy"]?.values
        guard let accuracy, !accuracy.isEmpty, accuracy.allSatisfy(\.isFinite) else {
            throw PruningError.unreadableArtifacts(directory.path, detail: "tensor validation_accuracy is missing")
        }
        let temperatures = try ArtifactFiles.readJSON(
            [CalibrationRegime: RegimeCalibration].self, ArtifactFiles.temperatures, in: directory)
        for (regime, calibration) in temperatures {
            let arrays = [calibration.temperatures, calibration.errorBefore, calibration.errorAfter]
            guard arrays.allSatisfy({ $0.count == accuracy.count }) else {
                throw PruningError.inconsistentArtifacts("\(regime.rawValue) does not have \(accuracy.count) layers")
            }
        }
        self.init(
            manifest: manifest, validationAccuracy: accuracy.map(Double.init), temperatures: temperatures,
            importances: Self.importances(
                of: try ArtifactFiles.tensors(ArtifactFiles.importance, in: directory), layers: accuracy.count,
                domains: manifest.domains.count),
            whitelist: try ArtifactFiles.readJSON(Whitelist.self, ArtifactFiles.whitelist, in: directory))
    }

    public init(
        manifest: PruningArtifacts.Manifest, validationAccuracy: [Double],
        temperatures: [CalibrationRegime: RegimeCalibration], importances: [Importance], whitelist: Whitelist
    ) {
        self.manifest = manifest
        self.validationAccuracy = validationAccuracy
        self.temperatures = temperatures
        self.importances = importances
        self.whitelist = whitelist
    }

    /// Every tensor of the shape of `axis_energy`, `[layers, heads, domains]`, whatever criteria the artifacts hold.
    static func importances(
        of tensors: [String: SafetensorsFile.Tensor], layers: Int, domains: Int
    ) -> [Importance] {
        guard let shape = tensors["axis_energy"]?.shape, shape.count == 3, shape[0] == layers, shape[2] == domains
        else { return [] }
        return tensors.filter { $1.shape == shape && $1.values.allSatisfy(\.isFinite) }
            .sorted { $0.key < $1.key }
            .map { name, tensor in
                Importance(
                    criterion: name.replacing("_", with: "-"),
                    table: HeadTable(layers: layers, heads: shape[1], domains: domains, values: tensor.values))
            }
    }
}
