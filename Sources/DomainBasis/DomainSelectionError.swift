/// Why domains could not be chosen.
public enum DomainSelectionError: Error, Equatable, Sendable, CustomStringConvertible {
    case noPools(directory: String)
    case tooFewCandidates(found: Int, wanted: Int)
    /// A domain that must be chosen is no candidate.
    case unknownDomain(String, known: [String])
    /// A name stands twice among the candidates, or among those that must be chosen.
    case duplicateDomain(String)
    case tooManyIncluded(Int, count: Int)
    case emptyPool(String)
    /// A domain's texts have the mean of all texts, so no direction is theirs.
    case noDirection(String)

    public var description: String {
        switch self {
        case .noPools(let directory): "no candidate pools: \(directory) holds no <domain>.json files"
        case .tooFewCandidates(let found, let wanted):
            "\(wanted) domains are wanted of \(found) candidates; add pools or ask for fewer"
        case .unknownDomain(let domain, let known):
            "domain \"\(domain)\" must be chosen but is no candidate; they are \(known.joined(separator: ", "))"
        case .duplicateDomain(let domain): "domain \"\(domain)\" is named twice"
        case .tooManyIncluded(let included, let count):
            "\(included) domains must be chosen, but only \(count) are wanted; raise the count or include fewer"
        case .emptyPool(let domain): "the pool of domain \"\(domain)\" has no texts"
        case .noDirection(let domain):
            "domain \"\(domain)\" has no direction of its own: the mean of its texts is the mean of all; "
                + "it takes at least two candidates whose texts differ"
        }
    }

    static func requireDistinct(_ names: [String]) throws(DomainSelectionError) {
        var seen: Set<String> = []
        for name in names where !seen.insert(name).inserted { throw .duplicateDomain(name) }
    }
}
