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
            `generate`, `chat`, `run`, `perplexity` and `bench` then run the model along that pathway. Pruned heads \
            are never computed.

            Every command that prints results takes --json. Progress and warnings go to standard error.
            """,
        version: toolVersion,
        subcommands: [
            Inspect.self, Tokenize.self, Generate.self, Chat.self, Domains.self, Train.self, Compile.self, Run.self,
            PerplexityCommand.self, ReportCommand.self, Bench.self, Import.self,
        ])

    static func main() {
        Console.occupyStandardDescriptors()
        TruncatedFile.explain()
        do {
            try checkArguments()
            var command = try parseAsRoot()
            try command.run()
        } catch {
            fail(error)
        }
    }

    /// Arguments that are not UTF-8 would be repaired, and then name other files.
    private static func checkArguments() throws {
        for index in 1..<max(1, Int(CommandLine.argc)) {
            guard let argument = CommandLine.unsafeArgv[index] else { continue }
            guard String(validatingCString: argument) != nil else {
                throw ValidationError("argument \(index) is not UTF-8: \(String(cString: argument).printable)")
            }
        }
    }

    /// Help goes to standard output as it is. What files and arguments say in an error must not act on a terminal, nor
    /// fill it.
    private static func fail(_ error: any Error) -> Never {
        let code = exitCode(for: error)
        let message = fullMessage(for: error)
        guard code != .success else {
            Console.print(message)
            Basics.exit(code.rawValue)
        }
        let most = 4000
        let lines = message.split(separator: "\n", omittingEmptySubsequences: false).map { String($0).printable }
        let shown = lines.joined(separator: "\n")
        Console.note(shown.utf8.count > most ? String(shown.prefix(most)) + " ..." : shown)
        Basics.exit(code.rawValue)
    }
}
