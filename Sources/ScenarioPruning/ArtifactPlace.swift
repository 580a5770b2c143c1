import Basics

/// The folder where artifacts are made: stages leave their files in `<folder>.partial`, which takes the folder's place
/// when it is whole.
final class ArtifactPlace {
    let output: URL
    /// Where stages leave their files.
    let partial: URL
    /// Where earlier artifacts are while new ones take their place.
    private let old: URL
    /// Of ``partial``: two trainings would take each other's files away.
    private var lock: FileLock?

    /// - Throws: ``PruningError/foreignFolder(_:)`` where something stands there that is not artifacts: it would be
    ///   lost.
    init(_ place: URL) throws(PruningError) {
        output = place.resolvingSymlinksInPath()
        partial = URL(fileURLWithPath: output.path + ".partial")
        old = URL(fileURLWithPath: output.path + ".old")
        for place in [output, partial, old] where !Self.mayBeReplaced(place, isFinished: place == output) {
            throw .foreignFolder(place.relativePath)
        }
    }

    /// Whether artifacts stand there that were made from the same inputs.
    ///
    /// - Throws: ``PruningError/finishedArtifacts(_:)`` where others do, and as ``prepare(for:)``.
    func holdsArtifacts(of manifest: PruningArtifacts.Manifest) throws(PruningError) -> Bool {
        let path = output.appending(path: ArtifactFiles.manifest).path
        guard FileManager.default.fileExists(atPath: path) else { return false }
        try checkModel(of: manifest)
        guard let standing = try? ArtifactFiles.readManifest(in: output), standing == manifest else {
            throw .finishedArtifacts(output.relativePath)
        }
        return true
    }

    private func checkModel(of manifest: PruningArtifacts.Manifest) throws(PruningError) {
        if let standing = try? ArtifactFiles.readManifest(in: output), standing.model != manifest.model {
            throw .otherModelsArtifacts(
                output.relativePath,
                model: "\(standing.modelName ?? "unnamed") in \(standing.quantization) (\(standing.model))")
        }
    }

    private struct ManifestOfAnyVersion: Decodable {
        let formatVersion: Int
        let domains: [String]
    }

    /// Whether nothing stands there, or an empty folder, or artifacts: finished ones, or what a stopped run made or had
    /// not yet removed.
    private static func mayBeReplaced(_ place: URL, isFinished: Bool) -> Bool {
        let files = FileManager.default
        guard let type = try? files.attributesOfItem(atPath: place.path)[.type] as? FileAttributeType else {
            return true
        }
        guard type == .typeDirectory, let all = try? files.contentsOfDirectory(atPath: place.path) else { return false }
        // Beside them may lie what a killed process was writing, and what a Mac remembers of the folder.
        let names = all.filter { !WholeFile.isLeftOver($0) && $0 != ".DS_Store" }
        guard Set(names).isSubset(of: ArtifactFiles.names),
            names.allSatisfy({ files.isRegularFile(atPath: place.appending(path: $0).path) == true })
        else { return false }
        guard isFinished, !names.isEmpty else { return true }
        // Other programs have files of that name.
        return (try? ArtifactFiles.readJSON(ManifestOfAnyVersion.self, ArtifactFiles.manifest, in: place)) != nil
    }

    /// Keeps an earlier run's stages only where they were made from the same inputs.
    ///
    /// - Throws: ``PruningError/placeInUse(_:)`` where another training is making artifacts there,
    ///   ``PruningError/otherModelsArtifacts(_:model:)`` where those of another model stand; `FileWriteError`.
    func prepare(for manifest: PruningArtifacts.Manifest) throws {
        let files = FileManager.default
        try checkModel(of: manifest)
        do {
            try files.createDirectory(at: partial, withIntermediateDirectories: true)
            lock = try FileLock(partial.path)
            let earlier = try? ArtifactFiles.readJSON(
                PruningArtifacts.Manifest.self, ArtifactFiles.manifest, in: partial)
            if earlier != manifest {
                for name in try files.contentsOfDirectory(atPath: partial.path) {
                    try files.removeItem(at: partial.appending(path: name))
                }
            }
        } catch is FileLock.Taken {
            throw PruningError.placeInUse(output.relativePath)
        } catch {
            throw FileWriteError(path: partial.relativePath, error)
        }
        try ArtifactFiles.writeJSON(manifest, ArtifactFiles.manifest, in: partial)
    }

    /// The finished stages become the artifacts.
    func finish() throws {
        try remove(old)
        if FileManager.default.fileExists(atPath: output.path) { try move(output, to: old) }
        try move(partial, to: output)
        try remove(old)
    }

    private func move(_ place: URL, to other: URL) throws(FileWriteError) {
        do {
            try FileManager.default.moveItem(at: place, to: other)
        } catch {
            throw FileWriteError(path: other.relativePath, error)
        }
    }

    private func remove(_ place: URL) throws(FileWriteError) {
        guard FileManager.default.fileExists(atPath: place.path) else { return }
        do {
            try FileManager.default.removeItem(at: place)
        } catch {
            throw FileWriteError(path: place.relativePath, error)
        }
    }
}
