import ArgumentParser
import Basics

@main
struct SubspacePath: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "subspacepath",
        abstract: "Run a frozen language model along the attention heads that a scenario needs.",
        discussion: """
            Offline, once per model, `domains` chooses what to tell apart and `train` measures the model's heads. \
            Online, once per scenario, `compile` reads the scenario's description and chooses the heads worth running; \
            `generate`, `chat`, `run`, `perplexity` and `bench` then run the model along that pathway. Pruned heads are never \
            computed.

            Every command that prints results takes --json. Progress and warnings go to standard error.
            """,
        version: toolVersion,
        subcommands: [
            Inspect.self, Tokenize.self, Generate.self, Chat.self, Domains.self, Train.self, Compile.self, Run.self,
            PerplexityCommand.self, ReportCommand.self, Bench.self, Import.self,
        ])

    static func main() {
        Console.occupyStandardDescriptors()
        main(nil)
    }
}
