import ArgumentParser
import Basics
import Evaluation
import ScenarioPruning
import Transformer

struct PerplexityCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "perplexity",
        abstract: "Measure the likelihood of texts, dense or along pathways.",
        discussion: """
            Reads JSON lines {"text", "scenario", "group"}, the last two optional. With --pruning-strength or \
            --pruned-fraction, a line is read along the pathway of its own scenario, or of --scenario; without either, \
            the dense model reads, whatever else is given. Every token after a text's first counts; no token is added \
            to a text. --divergence says how far the predictions are from the dense model's in single precision: what \
            rounding costs, and pruning, without the chance by which some tokens become likelier and others less.
            """)

    @OptionGroup var model: ModelOptions
    @OptionGroup var artifacts: ArtifactsOptions

    @Option(help: "The file of JSON lines; - for standard input.")
    var input: String

    @OptionGroup var budget: BudgetOptions
    @OptionGroup var criterion: CriterionOptions

    @Option(parsing: .unconditional, help: "The scenario of lines that have none.")
    var scenario: String?

    @Flag(help: "Read every text along the pathway of no scenario in particular: all domains equally.")
    var blind = false

    @Option(parsing: .unconditional, help: "For criteria that draw at random.")
    var seed: UInt64 = 42

    @Flag(help: "Measure the divergence from the dense model in single precision, which reads every text as well.")
    var divergence = false

    @Flag(help: "Print one JSON object.")
    var json = false

    private struct Output: Encodable {
        let tokens: Int
        let nll: Double
        let nllPerToken: Double
        let perplexity: Double?
        let referenceNLLPerToken: Double?
        let divergencePerToken: Double?
        let sameLikeliest: Double?
        let prunedFraction: Double
        let multiplyAddsRemoved: Double
        let groups: [String: Likelihood]
    }

    func validate() throws {
        if blind, scenario != nil { throw ValidationError("give --scenario or --blind, not both") }
        if blind, !budget.isGiven { throw ValidationError("--blind needs a pruning budget") }
    }

    func run() throws {
        if !budget.isGiven, scenario != nil || artifacts.artifacts != nil || !criterion.isDefault {
            Console.warn([
                "the dense model reads: nothing is pruned without --pruning-strength or --pruned-fraction"
            ])
        }
        let decoder = budget.isGiven ? try model.load(toPrune: criterion.prune, by: artifacts) : try model.load()
        let url = URL(inputPath: input)
        let texts = try EvaluationText.read(url)
        let evaluation = budget.isGiven ? try pruned(decoder, texts, url) : try dense(decoder, texts, url)
        let total = evaluation.total
        guard total.tokens > 0 else {
            throw EvaluationError.malformed(file: url.path, detail: "holds no text of two tokens or more")
        }
        if json {
            return try Console.printJSON(
                Output(
                    tokens: total.tokens, nll: total.nll, nllPerToken: total.nllPerToken,
                    perplexity: total.perplexity.isFinite ? total.perplexity : nil,
                    referenceNLLPerToken: evaluation.divergence?.reference.nllPerToken,
                    divergencePerToken: evaluation.divergence?.perToken,
                    sameLikeliest: evaluation.divergence?.sameLikeliest,
                    prunedFraction: evaluation.prunedFraction,
                    multiplyAddsRemoved: evaluation.multiplyAddsRemoved, groups: evaluation.groups))
        }
        for (name, group) in evaluation.groups.sorted(by: { $0.key < $1.key }) {
            Console.print(formatted("%8d tokens  %.4f  ", group.tokens, group.nllPerToken) + name.printable)
        }
        Console.print(
            formatted(
                "%8d tokens  %.4f nats per token, perplexity %.2f, %.1f%% of the heads pruned, "
                    + "%.1f%% of the multiply-adds removed", total.tokens, total.nllPerToken, total.perplexity,
                100 * evaluation.prunedFraction, 100 * evaluation.multiplyAddsRemoved))
        if let divergence = evaluation.divergence {
            Console.print(
                formatted(
                    "%8d tokens  %.4f nats per token for the dense model in single precision, from which these "
                        + "predictions diverge by %.4f; both find the same token likeliest %.1f%% of the time",
                    divergence.tokens, divergence.reference.nllPerToken, divergence.perToken,
                    100 * divergence.sameLikeliest))
        }
    }

    /// A session of the dense model in single precision, where the divergence from it is wanted.
    private func reference(for decoder: DecoderModel) throws -> InferenceSession? {
        guard divergence else { return nil }
        if decoder.precision == .float32 { return try InferenceSession(decoder) }
        return try InferenceSession(try decoder.reloaded(precision: .float32, channelOrder: decoder.channelOrder))
    }

    private func measure(
        _ ids: [Int], in session: InferenceSession, from reference: InferenceSession?, onToken: () -> Void
    ) throws -> (Likelihood, PredictionDivergence?) {
        guard let reference else { return (try Likelihood.of(ids, in: session, onToken: onToken), nil) }
        return try PredictionDivergence.of(ids, in: session, from: reference, onToken: onToken)
    }

    private func dense(_ decoder: DecoderModel, _ texts: [EvaluationText], _ url: URL) throws -> PerplexityEvaluation {
        let session = try InferenceSession(decoder)
        let reference = try reference(for: decoder)
        var evaluation = PerplexityEvaluation()
        try forEach(texts, url, decoder) { text, ids, onToken in
            let (likelihood, divergence) = try measure(ids, in: session, from: reference, onToken: onToken)
            evaluation.add(likelihood, divergence, group: text.group)
        }
        return evaluation
    }

    /// Texts of the same scenario share its pathway.
    private func pruned(_ decoder: DecoderModel, _ texts: [EvaluationText], _ url: URL) throws -> PerplexityEvaluation {
        let compiler = try ScenarioCompiler(decoder, try artifacts.load(for: decoder))
        let options = criterion.options(budget.budget, seed: seed)
        let reference = try reference(for: decoder)
        var sessions: [String: (session: InferenceSession, compiled: CompiledScenario)] = [:]
        var warnings: [String] = []
        var evaluation = PerplexityEvaluation()
        for text in texts where !blind {
            guard let description = text.scenario ?? scenario else {
                throw EvaluationError.unusableText(
                    file: url.path, line: text.line,
                    detail: "has no \"scenario\"; give it one, or all of them by --scenario or --blind")
            }
            guard !description.allSatisfy(\.isWhitespace) else {
                throw EvaluationError.unusableText(
                    file: url.path, line: text.line,
                    detail: "has an empty \"scenario\"; say in a sentence what it is about")
            }
        }
        try forEach(texts, url, decoder) { text, ids, onToken in
            let description = blind ? "" : text.scenario ?? scenario ?? ""
            if sessions[description] == nil {
                let compiled =
                    blind
                    ? try compiler.compile(compiler.domainAverage, options)
                    : try compiler.compile(description, options)
                for warning in compiled.warnings where !warnings.contains(warning) { warnings.append(warning) }
                // A session holds a cache; a file of a thousand scenarios must not hold a thousand.
                if sessions.count >= 16 { sessions.removeAll() }
                sessions[description] = (try InferenceSession(decoder, along: compiled.pathway), compiled)
            }
            let (session, compiled) = sessions[description]!
            let (likelihood, divergence) = try measure(ids, in: session, from: reference, onToken: onToken)
            evaluation.add(
                likelihood, divergence, group: text.group, prunedFraction: compiled.prunedFraction,
                multiplyAddsRemoved: compiled.multiplyAddsRemoved)
        }
        Console.warn(warnings)
        return evaluation
    }

    private func forEach(
        _ texts: [EvaluationText], _ url: URL, _ decoder: DecoderModel,
        _ body: (_ text: EvaluationText, _ ids: [Int], _ onToken: () -> Void) throws -> Void
    ) throws {
        let line = ProgressLine("tokens")
        let ids = texts.map { decoder.tokenizer.encode($0.text) }
        let total = ids.reduce(0) { $0 + max($1.count - 1, 0) }
        let limit = decoder.configuration.contextLength
        for (text, ids) in zip(texts, ids) where ids.count - 1 > limit {
            let error = DecoderError.contextExceeded(needed: ids.count - 1, limit: limit)
            throw EvaluationError.unusableText(file: url.path, line: text.line, detail: "\(error)")
        }
        defer { line.finish() }
        var done = 0
        for (text, ids) in zip(texts, ids) {
            do {
                try body(text, ids) {
                    done += 1
                    line.update(done: done, total: total)
                }
            } catch let error as DecoderError {
                throw EvaluationError.unusableText(file: url.path, line: text.line, detail: "\(error)")
            }
        }
    }
}
