import Basics
import Checkpoints
import DomainBasis
import Transformer

/// The files of an artifacts directory.
enum ArtifactFiles {
    static let manifest = "manifest.json"
    static let probes = "probes.safetensors"
    static let temperatures = "temperatures.json"
    static let channelOrder = "channel-order.safetensors"
    static let importance = "importance.safetensors"
    static let whitelist = "whitelist.json"
    /// Only while causal importance is measured.
    static let causalState = "causal.json"

    /// All files that a folder of artifacts, or of a training that was stopped, may hold.
    static let names: Set = [manifest, probes, temperatures, channelOrder, importance, whitelist, causalState]

    /// The sizes that every tensor must agree with.
    struct Shape {
        let configuration: ModelConfiguration
        let domains: Int

        var layers: Int { configuration.layers }
        var heads: Int { configuration.heads }
        var width: Int { configuration.width }

        init(_ configuration: ModelConfiguration, domains: Int) {
            self.configuration = configuration
            self.domains = domains
        }
    }

    static func remove(_ name: String, in directory: URL) throws {
        let url = directory.appending(path: name)
        if FileManager.default.fileExists(atPath: url.path) { try FileManager.default.removeItem(at: url) }
    }

    static func writeJSON(_ value: some Encodable, _ name: String, in directory: URL) throws {
        try WholeFile.write(json: value, to: directory.appending(path: name))
    }

    static func readJSON<Value: Decodable>(_ type: Value.Type, _ name: String, in directory: URL) throws(PruningError)
        -> Value
    {
        try decode(type, try contents(name, in: directory), name, in: directory)
    }

    /// The temperatures of every regime, each with one for every layer and its calibration errors.
    static func readTemperatures(
        in directory: URL, layers: Int
    ) throws(PruningError) -> [CalibrationRegime: RegimeCalibration] {
        let result = try readJSON([CalibrationRegime: RegimeCalibration].self, temperatures, in: directory)
        guard result[.singleDomain] != nil else {
            throw .inconsistentArtifacts("there are no temperatures for \(CalibrationRegime.singleDomain.rawValue)")
        }
        for (regime, calibration) in result.sorted(by: { $0.key.rawValue < $1.key.rawValue }) {
            let arrays = [calibration.temperatures, calibration.errorBefore, calibration.errorAfter]
            guard arrays.allSatisfy({ $0.count == layers }) else {
                throw .inconsistentArtifacts("the calibration of \(regime.rawValue) is not one of \(layers) layers")
            }
            guard (calibration.errorBefore + calibration.errorAfter).allSatisfy((0...1).contains) else {
                throw .inconsistentArtifacts("the calibration errors of \(regime.rawValue) are not all in 0 to 1")
            }
            let range = TemperatureCalibration.range
            guard calibration.temperatures.allSatisfy(range.contains) else {
                throw .inconsistentArtifacts(
                    "the temperatures of \(regime.rawValue) are not all in \(range.lowerBound) to \(range.upperBound)")
            }
        }
        return result
    }

    /// The whitelist, of the foundation layers that the manifest says.
    ///
    /// - Parameter shape: of the model whose heads it must name; nil where that is not known.
    static func readWhitelist(
        in directory: URL, of manifest: PruningArtifacts.Manifest, _ shape: Shape? = nil
    ) throws(PruningError) -> Whitelist {
        let result = try readJSON(Whitelist.self, whitelist, in: directory)
        if let shape {
            let heads = 0..<shape.heads
            guard result.heads.count == shape.layers, result.heads.allSatisfy({ $0.allSatisfy(heads.contains) }) else {
                throw .inconsistentArtifacts("the whitelist names heads the model does not have")
            }
        }
        guard result.foundationLayers == manifest.foundationLayers, result.foundationLayers >= 0 else {
            throw .inconsistentArtifacts("the whitelist and the manifest do not agree on the foundation layers")
        }
        return result
    }

    private static func contents(_ name: String, in directory: URL) throws(PruningError) -> Data {
        let data: Data?
        do {
            data = try InputFile.contentsIfPresent(of: directory.appending(path: name))
        } catch {
            throw .unreadableArtifacts(directory.path, detail: "\(name) cannot be read: \(error)")
        }
        guard let data else { throw .unreadableArtifacts(directory.path, detail: "\(name) is missing") }
        return data
    }

    private static func decode<Value: Decodable>(
        _: Value.Type, _ data: Data, _ name: String, in directory: URL
    ) throws(PruningError) -> Value {
        do {
            return try JSONDecoder().decode(Value.self, from: data)
        } catch {
            throw .unreadableArtifacts(directory.path, detail: "\(name) is malformed")
        }
    }

    private static func tensor(
        _ name: String, _ shape: [Int], of file: SafetensorsFile, _ path: String
    ) throws(PruningError) -> [Float] {
        guard let tensor = file.tensors[name] else {
            throw .unreadableArtifacts(path, detail: "tensor \(name) is missing")
        }
        guard tensor.shape == shape else {
            throw .inconsistentArtifacts("\(name) has shape \(tensor.shape), the model needs \(shape)")
        }
        guard tensor.values.allSatisfy(\.isFinite) else { throw .inconsistentArtifacts("\(name) is not finite") }
        return tensor.values
    }

    private static func read(_ name: String, in directory: URL) throws(PruningError) -> SafetensorsFile {
        do {
            return try SafetensorsFile(contentsOf: directory.appending(path: name))
        } catch {
            throw .unreadableArtifacts(directory.path, detail: "\(error)")
        }
    }

    /// All tensors of one file, whatever their shapes.
    static func tensors(
        _ name: String, in directory: URL
    ) throws(PruningError) -> [String: SafetensorsFile.Tensor] {
        try read(name, in: directory).tensors
    }

    /// The manifest of finished artifacts, of a format that this version reads.
    static func readManifest(in directory: URL) throws(PruningError) -> PruningArtifacts.Manifest {
        let data = try contents(manifest, in: directory)
        let version = try decode(FormatVersion.self, data, manifest, in: directory).formatVersion
        guard version == PruningArtifacts.Manifest.currentVersion else {
            throw .unreadableArtifacts(
                directory.path,
                detail: "format version \(version), expected \(PruningArtifacts.Manifest.currentVersion)")
        }
        return try decode(PruningArtifacts.Manifest.self, data, manifest, in: directory)
    }

    // MARK: - Probes

    static func writeProbes(_ probes: [LinearProbe], accuracy: [Double], in directory: URL) throws {
        let (domains, width) = (probes[0].biases.count, probes[0].weights[0].count)
        let file = SafetensorsFile(tensors: [
            "weights": .init(
                shape: [probes.count, domains, width], values: probes.flatMap { $0.weights.flatMap(\.self) }),
            "biases": .init(shape: [probes.count, domains], values: probes.flatMap(\.biases)),
            "validation_accuracy": .init(shape: [probes.count], values: accuracy.map(Float.init)),
        ])
        try WholeFile.write(try file.encoded(), to: directory.appending(path: Self.probes))
    }

    static func readProbes(in directory: URL, _ shape: Shape) throws(PruningError) -> ([LinearProbe], [Double]) {
        let file = try read(Self.probes, in: directory)
        let weights = try tensor("weights", [shape.layers, shape.domains, shape.width], of: file, directory.path)
        let biases = try tensor("biases", [shape.layers, shape.domains], of: file, directory.path)
        let accuracy = try tensor("validation_accuracy", [shape.layers], of: file, directory.path)
        guard accuracy.allSatisfy({ (0...1).contains($0) }) else {
            throw .inconsistentArtifacts("validation_accuracy is not all in 0 to 1")
        }
        let rows = weights.chunks(of: shape.width).map(Array.init)
        let result = (0..<shape.layers).map { layer in
            let range = layer * shape.domains..<(layer + 1) * shape.domains
            return LinearProbe(weights: Array(rows[range]), biases: Array(biases[range]))
        }
        return (result, accuracy.map(Double.init))
    }

    // MARK: - Channel order

    /// The tensor `sources`, `[layers, channels]`.
    static func writeChannelOrder(_ order: ChannelOrder, in directory: URL) throws {
        let file = SafetensorsFile(tensors: [
            "sources": .init(
                shape: [order.sources.count, order.sources[0].count],
                values: order.sources.flatMap { $0.map(Float.init) })
        ])
        try WholeFile.write(try file.encoded(), to: directory.appending(path: channelOrder))
    }

    static func readChannelOrder(in directory: URL) throws(PruningError) -> ChannelOrder {
        let file = try read(channelOrder, in: directory)
        guard let tensor = file.tensors["sources"], tensor.shape.count == 2, tensor.shape[1] > 0 else {
            throw .unreadableArtifacts(directory.path, detail: "\(channelOrder) holds no tensor sources")
        }
        do {
            return try ChannelOrder(
                sources: tensor.values.chunks(of: tensor.shape[1]).map { $0.map { Int(exactly: $0) ?? -1 } })
        } catch {
            throw .inconsistentArtifacts("\(error)")
        }
    }

    // MARK: - Importance

    static func tensorName(_ kind: UnitKind, _ criterion: PruningCriterion) -> String {
        "\(kind.rawValue).\(criterion.rawValue)"
    }

    /// Tensors `<kind>.<criterion>` `[layers, units, domains]` and `<kind>.means` `[layers, domains, inputs]`.
    static func writeImportance(_ value: ModelImportance, in directory: URL) throws {
        var tensors: [String: SafetensorsFile.Tensor] = [:]
        for kind in UnitKind.allCases {
            let unit = value[kind]
            for (criterion, table) in unit.tables {
                tensors[tensorName(kind, criterion)] = .init(
                    shape: [table.layers, table.units, table.domains], values: table.values)
            }
            tensors["\(kind.rawValue).means"] = .init(
                shape: [unit.means.count, unit.means[0].count, unit.means[0][0].count],
                values: unit.means.flatMap { $0.flatMap(\.self) })
        }
        try WholeFile.write(try SafetensorsFile(tensors: tensors).encoded(), to: directory.appending(path: importance))
    }

    static func readImportance(in directory: URL, _ shape: Shape) throws(PruningError) -> ModelImportance {
        let file = try read(importance, in: directory)
        func unitImportance(_ kind: UnitKind) throws(PruningError) -> UnitImportance {
            let units = kind.count(shape.configuration)
            var tables: [PruningCriterion: UnitTable] = [:]
            for criterion in PruningCriterion.allCases where criterion.isMeasured {
                let name = tensorName(kind, criterion)
                // It takes minutes and may have been left out.
                if criterion == .causal, file.tensors[name] == nil { continue }
                let values = try tensor(name, [shape.layers, units, shape.domains], of: file, directory.path)
                guard values.allSatisfy({ $0 >= 0 }) else {
                    throw .inconsistentArtifacts("\(name) has negative values")
                }
                tables[criterion] = UnitTable(
                    layers: shape.layers, units: units, domains: shape.domains, values: values)
            }
            let inputs = kind.inputs(shape.configuration)
            let rows = try tensor(
                "\(kind.rawValue).means", [shape.layers, shape.domains, inputs], of: file, directory.path
            ).chunks(of: inputs).map(Array.init)
            return UnitImportance(
                kind: kind, tables: tables,
                means: (0..<shape.layers).map { Array(rows[$0 * shape.domains..<($0 + 1) * shape.domains]) })
        }
        return ModelImportance(heads: try unitImportance(.heads), feedForward: try unitImportance(.feedForward))
    }
}
