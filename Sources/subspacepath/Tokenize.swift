import ArgumentParser
import Basics
import Evaluation
import Tokenizers
import Transformer

struct Tokenize: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Turn text into token ids.")

    @OptionGroup var model: ModelFileOption

    @Option(parsing: .unconditional, help: "The text.")
    var text: String?

    @Option(help: "A file of JSON lines {\"text\": ...}, - for standard input; one JSON object is printed for each.")
    var input: String?

    @Flag(help: "Recognise special tokens, such as <|im_start|>, in the text.")
    var special = false

    @Flag(help: "Print one JSON object.")
    var json = false

    private struct Output: Encodable {
        let ids: [Int]
    }

    func run() throws {
        // Not before: an option that is unknown should be told first.
        guard (text == nil) != (input == nil) else { throw ValidationError("give either --text or --input") }
        let tokenizer = try Tokenizer(try model.open())
        if let input {
            for line in try EvaluationText.read(URL(inputPath: input)) {
                try Console.printJSON(Output(ids: tokenizer.encode(line.text, recognizingSpecialTokens: special)))
            }
            return
        }
        let ids = tokenizer.encode(text ?? "", recognizingSpecialTokens: special)
        if json { return try Console.printJSON(Output(ids: ids)) }
        Console.print(ids.map(String.init).joined(separator: " "))
    }
}
