/// The backbone: heads that every domain needs, not pruned where ``AlwaysKeep/whitelist`` asks for it.
public struct Whitelist: Sendable, Codable, Equatable {
    /// All heads of the layers 0 ..< foundationLayers belong to it.
    public let foundationLayers: Int
    /// The largest coefficient of variation over domains of a backbone head.
    public let largestVariation: Double
    /// A backbone head's mean importance is at least this quantile of all heads'.
    public let importanceQuantile: Double
    /// Backbone heads by layer, `[layers][ascending heads]`, foundation layers included.
    public let heads: [[Int]]
    /// Whether whitelisted heads vary less over domains than the rest; nil where one side is empty.
    public let variationTest: MannWhitneyTest?

    /// Finds the domain-invariant heads: coefficient of variation at most 0.3, mean importance in the upper
    /// quarter, and every head of the foundation layers.
    public init(
        _ importance: UnitTable, foundationLayers: Int, largestVariation: Double = 0.3,
        importanceQuantile: Double = 0.75
    ) {
        let heads = (0..<importance.layers).flatMap { layer in
            (0..<importance.units).map { head in
                let values = importance[layer, head].map(Double.init)
                let mean = values.reduce(0, +) / Double(values.count)
                let variance = values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(values.count)
                return (
                    layer: layer, head: head, mean: mean, variation: mean > 0 ? variance.squareRoot() / mean : .infinity
                )
            }
        }
        let means = heads.map(\.mean).sorted()
        let threshold = means[min(Int(importanceQuantile * Double(means.count)), means.count - 1)]
        let chosen = heads.map { head in
            head.layer < foundationLayers || (head.variation <= largestVariation && head.mean >= threshold)
        }
        self.foundationLayers = foundationLayers
        self.largestVariation = largestVariation
        self.importanceQuantile = importanceQuantile
        self.heads = (0..<importance.layers).map { layer in
            zip(heads, chosen).filter { $0.layer == layer && $1 }.map(\.0.head)
        }
        variationTest = MannWhitneyTest(
            zip(heads, chosen).filter(\.1).map(\.0.variation),
            lessThan: zip(heads, chosen).filter { !$0.1 }.map(\.0.variation))
    }

    /// How many heads are whitelisted.
    public var count: Int { heads.reduce(0) { $0 + $1.count } }

    /// 3 layers, or a quarter of a model with fewer than twelve.
    public static func defaultFoundationLayers(of layers: Int) -> Int { min(3, max(1, layers / 4)) }
}
