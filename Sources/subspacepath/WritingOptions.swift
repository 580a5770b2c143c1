import ArgumentParser
import Tokenizers
import Transformer

/// How text is written.
struct WritingOptions: ParsableArguments {
    @Option(parsing: .unconditional, help: "Stop after this many tokens.")
    var maxNewTokens = 256

    @Option(parsing: .unconditional, help: "0 takes the most likely token; higher is more varied.")
    var temperature = 0.0

    @Option(
        parsing: .unconditional,
        help: "Draw from the fewest tokens that reach this probability; for a --temperature above 0.")
    var topP = 1.0

    @Option(
        parsing: .unconditional,
        help: "Draw from this many of the most likely tokens, 0 for all; for a --temperature above 0.")
    var topK = 0

    @Option(parsing: .unconditional, help: "The same seed draws the same text.")
    var seed: UInt64 = 42

    @Flag(
        help: """
            Let the model think before it answers, as Qwen 3 can; a thought may take more than the default of \
            --max-new-tokens.
            """)
    var thinking = false

    func validate() throws {
        if maxNewTokens < 1 { throw ValidationError("--max-new-tokens is \(maxNewTokens), expected at least 1") }
        if !(temperature >= 0 && temperature.isFinite) {
            throw ValidationError("--temperature is \(temperature), expected 0 or more")
        }
        if !(topP > 0 && topP <= 1) { throw ValidationError("--top-p is \(topP), expected above 0, up to 1") }
        if topK < 0 { throw ValidationError("--top-k is \(topK), expected 0 or more") }
    }

    /// How a conversation with a model is written.
    ///
    /// - Throws: `ValidationError` where it is to think and cannot be told to.
    func template(of model: DecoderModel) throws(ValidationError) -> ChatTemplate {
        guard thinking else { return model.chatTemplate }
        guard let template = model.chatTemplate.withThinking else {
            throw ValidationError("this model cannot be told to think: leave out --thinking")
        }
        return template
    }

    /// Tells a person why a text ends where it does.
    func explain(_ summary: GenerationSummary) {
        guard summary.stopReason == .maxNewTokens, Console.errorIsTerminal else { return }
        Console.note("(cut after \(maxNewTokens) tokens: --max-new-tokens)")
    }

    var options: GenerationOptions {
        GenerationOptions(
            maxNewTokens: maxNewTokens,
            sampling: SamplingParameters(temperature: temperature, topK: topK, topP: topP, seed: seed))
    }
}
