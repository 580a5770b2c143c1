import Foundation

/// The folder where artifacts are made: stages leave their files in `<folder>.partial`, which takes the folder's place when
/// it is whole.
struct ArtifactPlace {
    private let output: URL
    /// Where stages leave their files.
    let partial: URL
    /// Where earlier artifacts are while new ones take their place.
    private let old: URL

    /// - Throws: ``PruningError/foreignFolder(_:)`` where something stands there that is not artifacts: it would be lost.
    init(_ output: URL) throws(PruningError) {
        self.output = output
        partial = URL(fileURLWithPath: output.path + ".partial")
        old = URL(fileURLWithPath: output.path + ".old")
        for place in [output, partial, old] where !Self.mayBeReplaced(place) {
            throw .foreignFolder(place.relativePath)
        }
    }

    /// Whether nothing stands there, or an empty folder, or artifacts: finished ones or the stages of a stopped run, beside
    /// which a file that was being written may lie under a hidden name.
    private static func mayBeReplaced(_ place: URL) -> Bool {
        let files = FileManager.default
        var isFolder: ObjCBool = false
        guard files.fileExists(atPath: place.path, isDirectory: &isFolder) else { return true }
        guard isFolder.boolValue, let names = try? files.contentsOfDirectory(atPath: place.path) else { return false }
        let visible = Set(names.filter { !$0.hasPrefix(".") })
        return names.isEmpty || visible.contains(ArtifactFiles.manifest) && visible.isSubset(of: ArtifactFiles.names)
    }

    /// Keeps an earlier run's stages only where they were made from the same inputs.
    func prepare(for manifest: PruningArtifacts.Manifest) throws {
        let files = FileManager.default
        let earlier = try? ArtifactFiles.readJSON(PruningArtifacts.Manifest.self, ArtifactFiles.manifest, in: partial)
        if earlier != manifest { try remove(partial) }
        try files.createDirectory(at: partial, withIntermediateDirectories: true)
        try ArtifactFiles.writeJSON(manifest, ArtifactFiles.manifest, in: partial)
    }

    /// The finished stages become the artifacts.
    func finish() throws {
        let files = FileManager.default
        try remove(old)
        if files.fileExists(atPath: output.path) { try files.moveItem(at: output, to: old) }
        try files.moveItem(at: partial, to: output)
        try remove(old)
    }

    private func remove(_ place: URL) throws {
        if FileManager.default.fileExists(atPath: place.path) { try FileManager.default.removeItem(at: place) }
    }
}
