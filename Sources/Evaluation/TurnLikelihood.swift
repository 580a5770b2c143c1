/// How likely the right answer of a turn is along a pathway, and which option of a multiple choice is likeliest.
///
/// Options are scored in the two ways of the LM Evaluation Harness (Gao et al., 2024). Their *texts*, as in its ARC
/// tasks, after a question that does not list them: its `acc` takes the largest log-likelihood, its `acc_norm` divides
/// by the text's length first (here bytes of UTF-8). Their *letters*, as in its MMLU tasks, after a question that lists
/// them. Each of the two prompts is read once.
public struct TurnLikelihood: Sendable, Codable, Equatable {
    /// The log-likelihoods of a multiple choice's options, in nats, in the prompt's order.
    public struct Options: Sendable, Codable, Equatable {
        public let texts: [Double]
        public let letters: [Double]
        /// Whether a right option has the largest log-likelihood of its text, of its text per byte, and of its
        /// letter. Equal ones count for the first.
        public let textIsRight: Bool
        public let normalizedTextIsRight: Bool
        public let letterIsRight: Bool
    }

    /// Nats per token of the reference answer; nil where it has no tokens.
    public let answerNLL: Double?
    /// Tokens of the reference answer that were measured: at most ``AnswerPredictions/tokenLimit``.
    public let answerTokens: Int
    /// The divergence of the predictions from the dense model's, in nats per token of the reference answer.
    public let klToDense: Double?
    /// nil for a turn that is no multiple choice.
    public let options: Options?

    public init(answerNLL: Double?, answerTokens: Int, klToDense: Double?, options: Options?) {
        self.answerNLL = answerNLL
        self.answerTokens = answerTokens
        self.klToDense = klToDense
        self.options = options
    }

    /// The text of a right answer: of a multiple choice the right option as the prompt writes it, `B. nitrogen`.
    static func referenceAnswer(of turn: Scenario.Turn) -> String {
        guard turn.taskType == .multipleChoice,
            let right = AnswerScoring.options(of: turn.prompt).first(where: { $0.letter == turn.answer.first })
        else { return turn.answer }
        return "\(right.letter). \(right.text)"
    }
}

extension TurnLikelihood.Options {
    /// - Parameters:
    ///   - texts: log-likelihoods of the prompt's options, in nats.
    ///   - letters: the same of their letters.
    package init(_ turn: Scenario.Turn, texts: [Double], letters: [Double]) {
        let options = AnswerScoring.options(of: turn.prompt)
        let right = options.indices.filter { turn.rightAnswers.contains(String(options[$0].letter)) }
        func isRight(_ scores: [Double]) -> Bool {
            scores.max().flatMap(scores.firstIndex).map(right.contains) ?? false
        }
        self.texts = texts
        self.letters = letters
        textIsRight = isRight(texts)
        normalizedTextIsRight = isRight(zip(texts, options).map { $0 / Double($1.text.utf8.count) })
        letterIsRight = isRight(letters)
    }
}
