import Basics

/// Texts of one domain.
public struct TextPool: Sendable, Equatable {
    public let domain: String
    public let texts: [String]

    public init(domain: String, texts: [String]) {
        self.domain = domain
        self.texts = texts
    }

    /// Reads `<directory>/<domain>.json`, a list of strings.
    ///
    /// - Throws: ``TextPoolError`` where there is no such file, or it is not a list of non-empty strings.
    public init(domain: String, in directory: URL) throws(TextPoolError) {
        let url = directory.appending(path: "\(domain).json")
        // A name, not a way to another folder.
        guard !domain.contains("/") else {
            throw .unknownDomain(domain, directory: directory.path, known: Self.domains(in: directory))
        }
        guard let data = try Self.contents(of: url) else {
            let known = Self.domains(in: directory)
            throw .unknownDomain(domain, directory: directory.path, known: known)
        }
        guard let texts = try? JSONDecoder().decode([String].self, from: data) else {
            throw .malformed(url.path, "is not a JSON list of strings")
        }
        guard !texts.isEmpty else { throw .malformed(url.path, "is empty") }
        if let blank = texts.firstIndex(where: { $0.allSatisfy(\.isWhitespace) }) {
            throw .malformed(url.path, "has an empty text at index \(blank)")
        }
        self.init(domain: domain, texts: texts)
    }

    private static func contents(of url: URL) throws(TextPoolError) -> Data? {
        do {
            return try InputFile.contentsIfPresent(of: url)
        } catch {
            throw .malformed(url.path, "cannot be read: \(error)")
        }
    }

    /// The domains that `directory` has a pool for, in alphabetical order; hidden files are none.
    public static func domains(in directory: URL) -> [String] {
        FileManager.default.jsonFiles(in: directory).map { String($0.lastPathComponent.dropLast(5)) }.sorted()
    }

    /// The first `count` texts of an order drawn from `seed`, or all where there are fewer.
    public func sample(_ count: Int?, seed: UInt64) -> TextPool {
        guard let count, count < texts.count else { return self }
        var generator = SplitMix64(seed: seed)
        return TextPool(domain: domain, texts: Array(texts.shuffled(using: &generator).prefix(count)))
    }

    /// The domain's name as short scenarios have it. Texts of a domain seldom say what it is called.
    public var namingTexts: [String] {
        let name = String(domain.map { "-_".contains($0) ? " " : $0 })
        return [name, "a \(name) tutor", "questions about \(name)"]
    }

    /// Changes with any text: 16 hexadecimal digits.
    public var digest: String {
        var hash = FNV1a()
        hash.combine(domain.utf8)
        for text in texts {
            hash.combine([0])
            hash.combine(text.utf8)
        }
        return hash.hexadecimal
    }
}

/// Why a pool of texts could not be read.
public enum TextPoolError: Error, Equatable, Sendable, CustomStringConvertible {
    case unknownDomain(String, directory: String, known: [String])
    case malformed(String, String)

    public var description: String { text.printable }

    private var text: String {
        switch self {
        case .unknownDomain(let domain, let directory, let known):
            known.isEmpty
                ? "no pool for domain \"\(domain)\": \(directory) holds no <domain>.json files"
                : "no pool for domain \"\(domain)\" in \(directory); it has \(known.joined(separator: ", "))"
        case .malformed(let file, let detail):
            "\(file) \(detail)"
        }
    }
}
