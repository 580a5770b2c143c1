import Transformer

/// What was written, with `--json`.
struct WrittenText: Encodable {
    let text: String
    let promptTokens: Int
    let newTokens: Int
    let tokensPerSecond: Double
    let prunedFraction: Double
    let multiplyAddsRemoved: Double
    let stopReason: String

    init(_ summary: GenerationSummary, by model: DecoderModel, along pathway: Pathway?) {
        text = summary.text
        promptTokens = summary.promptTokens
        newTokens = summary.tokens.count
        tokensPerSecond = summary.tokensPerSecond
        prunedFraction = pathway?.prunedFraction(heads: model.configuration.heads) ?? 0
        multiplyAddsRemoved = PathwayCost(model, along: pathway).removed(from: PathwayCost(model))
        stopReason = summary.stopReason.rawValue
    }
}
