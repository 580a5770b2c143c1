import ArgumentParser
import Basics
import Tokenizers
import Transformer

/// What a model is asked.
struct PromptOptions: ParsableArguments {
    @Option(parsing: .unconditional, help: "What to answer.")
    var prompt: String?

    @Option(help: "A file that holds it, - for standard input. A line break at its end is dropped.")
    var promptFile: String?

    @Option(parsing: .unconditional, help: "What the model is to know or to be beforehand: its system message.")
    var system: String?

    @Flag(help: "Continue the prompt as it is, without the model's chat template.")
    var raw = false

    @Flag(help: "With --raw: recognise special tokens, such as <|im_start|>, in the prompt.")
    var special = false

    func validate() throws {
        if raw, system != nil { throw ValidationError("--raw continues a text, which has no --system message") }
        if special, !raw { throw ValidationError("--special needs --raw: a template writes its special tokens itself") }
    }

    /// - Throws: `ValidationError` where there is none, or two: not before, as an option that is unknown should be told
    ///   first; ``PromptFileError`` where a file cannot be read.
    func text() throws -> String {
        switch (prompt, promptFile) {
        case (let prompt?, nil): return prompt
        case (nil, let file?): return try textOfFile(file)
        default: throw ValidationError("give either --prompt or --prompt-file")
        }
    }

    func tokens(of text: String, for model: DecoderModel, in template: ChatTemplate) -> [Int] {
        if raw { return model.tokenizer.encodeText(text, recognizingSpecialTokens: special) }
        let messages = (system.map { [ChatMessage(.system, $0)] } ?? []) + [ChatMessage(.user, text)]
        return template.encode(messages, with: model.tokenizer)
    }

    private func textOfFile(_ path: String) throws(PromptFileError) -> String {
        let data: Data
        do {
            data = try InputFile.contents(of: URL(inputPath: path), allowingPipes: true)
        } catch {
            throw PromptFileError(path: path, detail: "cannot be read: \(error)")
        }
        guard var text = String(validating: data.withoutByteOrderMark, as: UTF8.self) else {
            throw PromptFileError(path: path, detail: "is not UTF-8 text")
        }
        // A line break is one character, however many bytes it takes.
        if text.last?.isNewline == true { text.removeLast() }
        return text
    }
}

/// Why a prompt could not be read.
struct PromptFileError: Error, CustomStringConvertible {
    let path: String
    let detail: String

    var description: String { "\(path) \(detail)".printable }
}
