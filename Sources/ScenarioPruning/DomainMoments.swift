import Transformer

/// The means, mean squares and variances of a projection's inputs over the tokens of each domain's texts.
struct DomainMoments {
    /// Sums over tokens, `[domains][layers][inputs]`.
    private var sums: [[[Double]]]
    private var squares: [[[Double]]]
    /// The tokens read, `[domains]`.
    private var tokens: [Int]

    init(domains: Int, layers: Int, inputs: Int) {
        sums = Array(
            repeating: Array(repeating: Array(repeating: 0, count: inputs), count: layers), count: domains)
        squares = sums
        tokens = Array(repeating: 0, count: domains)
    }

    /// Adds a text of so many tokens.
    mutating func add(_ moments: MeanTaps.Moments, tokenCount: Int, domain: Int) {
        tokens[domain] += tokenCount
        for layer in moments.sums.indices {
            for (i, value) in moments.sums[layer].enumerated() { sums[domain][layer][i] += value }
            for (i, value) in moments.squares[layer].enumerated() { squares[domain][layer][i] += value }
        }
    }

    func mean(_ layer: Int, _ domain: Int, _ input: Int) -> Double {
        sums[domain][layer][input] / Double(max(tokens[domain], 1))
    }

    func meanSquare(_ layer: Int, _ domain: Int, _ input: Int) -> Double {
        squares[domain][layer][input] / Double(max(tokens[domain], 1))
    }

    func variance(_ layer: Int, _ domain: Int, _ input: Int) -> Double {
        let mean = mean(layer, domain, input)
        return max(0, meanSquare(layer, domain, input) - mean * mean)
    }
}
