import Basics

extension URL {
    /// - Parameters:
    ///   - inputs: files, or folders with all that is in them.
    ///   - what: what they are, for the message.
    /// - Throws: `FileWriteError` where what is to be written would take the place of one of them.
    func checkIsNone(of inputs: [URL], for what: String) throws(FileWriteError) {
        let path = resolvingSymlinksInPath().path
        for input in inputs.map({ $0.resolvingSymlinksInPath().path })
        where path == input || path.hasPrefix(input + "/") {
            throw FileWriteError(path: relativePath, reason: "it is \(what); choose another --output")
        }
    }
}
