extension FileManager {
    /// Whether a folder stands at `path`, or is linked to from there; nil where nothing does.
    package func isFolder(atPath path: String) -> Bool? {
        var status = stat()
        return stat(path, &status) == 0 ? status.st_mode & S_IFMT == S_IFDIR : nil
    }
}
