import Basics
import ScenarioPruning
import Transformer

/// A text whose likelihood is measured.
public struct EvaluationText: Sendable, Equatable {
    public let text: String
    /// Compiles the pathway the text is read along.
    public let scenario: String?
    public let group: String?
    /// Where it stands in its file, from 1 on.
    public let line: Int

    public init(text: String, scenario: String? = nil, group: String? = nil, line: Int = 1) {
        self.text = text
        self.scenario = scenario
        self.group = group
        self.line = line
    }

    private struct Line: Decodable {
        let text: String
        let scenario: String?
        let group: String?
    }

    /// Reads a file of JSON lines `{"text", "scenario", "group"}`, the last two optional.
    public static func read(_ url: URL) throws(EvaluationError) -> [EvaluationText] {
        guard let data = FileManager.default.contents(atPath: url.path) else {
            throw .malformed(file: url.path, detail: "cannot be read")
        }
        var texts: [EvaluationText] = []
        for (index, line) in data.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false).enumerated() {
            if line.allSatisfy({ $0 == 0x20 || $0 == 0x0d || $0 == 0x09 }) { continue }
            guard let decoded = try? JSONDecoder().decode(Line.self, from: Data(line)) else {
                throw .unusableText(
                    file: url.path, line: index + 1, detail: "is not a JSON object with a string \"text\"")
            }
            texts.append(
                EvaluationText(
                    text: decoded.text, scenario: decoded.scenario, group: decoded.group, line: index + 1))
        }
        guard !texts.isEmpty else { throw .malformed(file: url.path, detail: "holds no texts") }
        return texts
    }
}

/// The negative log-likelihood of texts, in nats.
public struct Likelihood: Sendable, Equatable, Codable {
    /// Predicted tokens: every token of a text after its first.
    public var tokens = 0
    public var nll = 0.0

    public var nllPerToken: Double { tokens == 0 ? 0 : nll / Double(tokens) }
    public var perplexity: Double { exp(nllPerToken) }

    public init() {}

    public static func += (sum: inout Likelihood, other: Likelihood) {
        sum.tokens += other.tokens
        sum.nll += other.nll
    }

    enum CodingKeys: String, CodingKey {
        case tokens, nll, nllPerToken
    }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        tokens = try container.decode(Int.self, forKey: .tokens)
        nll = try container.decode(Double.self, forKey: .nll)
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(tokens, forKey: .tokens)
        try container.encode(nll, forKey: .nll)
        try container.encode(nllPerToken, forKey: .nllPerToken)
    }

    /// The likelihood of a text's tokens after the first, read along a session's pathway.
    ///
    /// Nothing is added to the text, and a text longer than the context is an error, as are predictions that are no numbers.
    public static func of(_ ids: [Int], in session: InferenceSession) throws -> Likelihood {
        var result = Likelihood()
        guard ids.count > 1 else { return result }
        session.reset()
        try session.forEachLogits(after: Array(ids.dropLast())) { index, logits in
            result.nll += try logSumExp(logits) - Double(logits[ids[index + 1]])
            result.tokens += 1
        }
        return result
    }

    /// - Throws: ``DecoderError/notANumber`` where it is none.
    static func logSumExp(_ logits: UnsafeBufferPointer<Float>) throws(DecoderError) -> Double {
        var peak = -Float.infinity
        for logit in logits where logit > peak { peak = logit }
        var sum = 0.0
        for logit in logits { sum += Double(exp(logit - peak)) }
        let result = Double(peak) + log(sum)
        guard result.isFinite else { throw .notANumber }
        return result
    }
}

/// The likelihood of a file's texts, each along its scenario's pathway.
public struct PerplexityEvaluation: Sendable {
    public private(set) var total = Likelihood()
    public private(set) var groups: [String: Likelihood] = [:]
    private var prunedFractionSum = 0.0
    private var multiplyAddsRemovedSum = 0.0

    /// The pruned fraction, averaged over predicted tokens.
    public var prunedFraction: Double { total.tokens == 0 ? 0 : prunedFractionSum / Double(total.tokens) }

    /// The fraction of the model's multiply-adds for each token that pathways did not do, averaged likewise.
    public var multiplyAddsRemoved: Double {
        total.tokens == 0 ? 0 : multiplyAddsRemovedSum / Double(total.tokens)
    }

    public init() {}

    public mutating func add(
        _ likelihood: Likelihood, group: String?, prunedFraction: Double = 0, multiplyAddsRemoved: Double = 0
    ) {
        total += likelihood
        if let group { groups[group, default: Likelihood()] += likelihood }
        prunedFractionSum += prunedFraction * Double(likelihood.tokens)
        multiplyAddsRemovedSum += multiplyAddsRemoved * Double(likelihood.tokens)
    }
}
