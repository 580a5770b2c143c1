import ArgumentParser
import Basics
import Transformer

struct Chat: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Hold a conversation, along a scenario's pathway where one is given.",
        discussion: """
            Each line of standard input is a question. The pathway is compiled once and serves every turn; a turn \
            reads only what is new. Where the context is full, the earliest turns are forgotten and what stays is read \
            once more.

            EXAMPLES
              subspacepath chat --scenario "A chemistry tutor"
              subspacepath chat --scenario "A chemistry tutor" --json < questions.txt
            """)

    @OptionGroup var path: PathwayOptions

    @Option(parsing: .unconditional, help: "What the model is to know or to be beforehand: its system message.")
    var system: String?

    @OptionGroup var writing: WritingOptions

    @Flag(help: "Print one JSON object a line for each answer instead of streaming text.")
    var json = false

    func run() throws {
        let (decoder, pathway) = try path.load(seed: writing.seed)
        let conversation = Conversation(
            in: try InferenceSession(decoder, along: pathway), system: system,
            template: try writing.template(of: decoder))
        let isTerminal = isatty(STDIN_FILENO) == 1
        if isTerminal { Console.note("One line is one question. Ctrl-D ends the conversation.") }
        var lines = LineReader()
        var forgotten = 0
        var options = writing.options
        while let question = try nextQuestion(&lines, askingFor: isTerminal) {
            let summary: GenerationSummary
            do {
                summary = try conversation.answer(question, options: options) { piece in
                    if !json { Console.write(piece) }
                    return true
                }
            } catch DecoderError.contextExceeded(let needed, let limit) {
                Console.warn([
                    "this question was left out: \(DecoderError.contextExceeded(needed: needed, limit: limit))"
                ])
                continue
            }
            options.sampling.seed &+= 1
            if json {
                try Console.printJSON(WrittenText(summary, by: decoder, along: pathway))
            } else {
                Console.write("\n")
                writing.explain(summary)
                Console.write("\n")
            }
            if conversation.forgottenTurns > forgotten {
                forgotten = conversation.forgottenTurns
                Console.warn(["the context is full: the first \(forgotten) turns of the conversation are forgotten"])
            }
        }
        if isTerminal { Console.note("") }
    }

    /// The next line that is not blank; nil at the end of standard input.
    private func nextQuestion(_ lines: inout LineReader, askingFor isTerminal: Bool) throws -> String? {
        while true {
            if isTerminal { Console.writeError("> ") }
            do {
                guard let line = try lines.next() else { return nil }
                if !line.trimmed.isEmpty { return line }
            } catch {
                throw PromptFileError(path: "standard input", detail: "cannot be read: \(error)")
            }
        }
    }
}
