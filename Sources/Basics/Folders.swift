extension FileManager {
    /// The `.json` files of a folder, without the hidden ones, in alphabetical order; none where it cannot be read.
    package func jsonFiles(in folder: URL) -> [URL] {
        let names = (try? contentsOfDirectory(atPath: folder.path)) ?? []
        return names.filter { $0.hasSuffix(".json") && !$0.hasPrefix(".") }.sorted().map { folder.appending(path: $0) }
            .filter { isFolder(atPath: $0.path) == false }
    }

    /// Whether a folder stands at `path`, or is linked to from there; nil where nothing does.
    package func isFolder(atPath path: String) -> Bool? { kind(atPath: path).map { $0 == S_IFDIR } }

    /// Whether a file stands there, and not a folder, a pipe or a device; nil where nothing does.
    package func isRegularFile(atPath path: String) -> Bool? { kind(atPath: path).map { $0 == S_IFREG } }

    private func kind(atPath path: String) -> mode_t? {
        var status = stat()
        return stat(path, &status) == 0 ? status.st_mode & S_IFMT : nil
    }
}
