import Basics

extension URL {
    /// A file to read that the command line names; `-` is standard input.
    init(inputPath path: String) { self.init(fileURLWithPath: path == "-" ? "/dev/stdin" : path) }
}
