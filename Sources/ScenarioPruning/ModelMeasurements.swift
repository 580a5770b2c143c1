import Basics
import Checkpoints
import DomainBasis

/// What artifacts say about a model's layers and heads, read without the model: for looking at, not for compiling.
public struct ModelMeasurements: Sendable {
    /// Head importance by one criterion.
    public struct Importance: Sendable {
        /// As the command line spells it: `axis-energy`.
        public let criterion: String
        public let table: UnitTable

        public init(criterion: String, table: UnitTable) {
            self.criterion = criterion
            self.table = table
        }
    }

    /// The most heads of all layers together: of more than any model has no picture can be drawn.
    package static let mostHeads = 1 << 16

    public let manifest: PruningArtifacts.Manifest
    /// Of the probes on the validation pools, `[layers]`.
    public let validationAccuracy: [Double]
    public let temperatures: [CalibrationRegime: RegimeCalibration]
    /// In the order of the criteria.
    public let importances: [Importance]
    public let whitelist: Whitelist

    public var domains: [String] { manifest.domains }

    /// Reads the artifacts in `directory`, whatever model they are of.
    ///
    /// - Throws: ``PruningError`` where a file is missing, malformed or does not agree with the others.
    public init(contentsOf directory: URL) throws {
        let manifest = try ArtifactFiles.readManifest(in: directory)
        let accuracy = try ArtifactFiles.tensors(ArtifactFiles.probes, in: directory)["validation_accuracy"]?.values
        guard let accuracy, !accuracy.isEmpty, accuracy.allSatisfy(\.isFinite) else {
            throw PruningError.unreadableArtifacts(directory.path, detail: "tensor validation_accuracy is missing")
        }
        let temperatures = try ArtifactFiles.readTemperatures(in: directory, layers: accuracy.count)
        self.init(
            manifest: manifest, validationAccuracy: accuracy.map(Double.init), temperatures: temperatures,
            importances: try Self.importances(
                of: try ArtifactFiles.tensors(ArtifactFiles.importance, in: directory), layers: accuracy.count,
                domains: manifest.domains.count),
            whitelist: try ArtifactFiles.readWhitelist(in: directory, of: manifest))
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

    /// The heads' tables, `[layers, heads, domains]`, of whatever criteria the artifacts hold.
    static func importances(
        of tensors: [String: SafetensorsFile.Tensor], layers: Int, domains: Int
    ) throws(PruningError) -> [Importance] {
        var importances: [Importance] = []
        for criterion in PruningCriterion.allCases {
            guard let tensor = tensors[ArtifactFiles.tensorName(.heads, criterion)], tensor.shape.count == 3,
                tensor.shape[0] == layers, tensor.shape[2] == domains, tensor.values.allSatisfy(\.isFinite)
            else { continue }
            guard layers * tensor.shape[1] <= mostHeads else {
                throw .inconsistentArtifacts("they are of \(layers) layers of \(tensor.shape[1]) heads")
            }
            importances.append(
                Importance(
                    criterion: criterion.rawValue,
                    table: UnitTable(
                        layers: layers, units: tensor.shape[1], domains: domains, values: tensor.values)))
        }
        return importances
    }
}
