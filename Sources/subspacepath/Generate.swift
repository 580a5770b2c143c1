import ArgumentParser
import Transformer

struct Generate: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Answer a prompt, along a scenario's pathway where one is given.",
        discussion: """
            With --scenario a pathway is compiled from the description first; with --pathway a compiled one is \
            read from a file. Without either the whole model runs.

            EXAMPLES
              subspacepath generate --prompt "What is a base?"
              subspacepath generate --scenario "A chemistry tutor" --prompt "What is a base?"
              subspacepath generate --system "Answer in one sentence." --prompt "Why?"
              subspacepath generate --prompt-file - < question.txt
            """)

    @OptionGroup var prompt: PromptOptions
    @OptionGroup var path: PathwayOptions
    @OptionGroup var writing: WritingOptions

    @Flag(help: "Print one JSON object instead of streaming text.")
    var json = false

    func validate() throws {
        if prompt.raw, writing.thinking {
            throw ValidationError("--raw continues a text, which has no answer to be --thinking about")
        }
    }

    func run() throws {
        let text = try prompt.text()
        let (decoder, pathway) = try path.load(seed: writing.seed)
        let ids = prompt.tokens(of: text, for: decoder, in: try writing.template(of: decoder))
        let session = try InferenceSession(decoder, along: pathway)
        let summary = try session.generate(after: ids, options: writing.options) { piece in
            if !json { Console.write(piece) }
            return true
        }
        guard json else {
            Console.write("\n")
            return writing.explain(summary)
        }
        try Console.printJSON(WrittenText(summary, by: decoder, along: pathway))
    }
}
