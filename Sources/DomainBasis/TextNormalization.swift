import Basics

/// How text is reduced before probes, calibration, diagnosis and axis-aligned importance read it: stopwords are
/// removed, so that what is left is what the text is about. One function for training and inference; its name
/// is recorded in the artifacts.
public enum TextNormalization {
    /// Recorded in artifacts; raise it when the result of ``apply(_:)`` changes for any text.
    public static let identifier = "stopwords-removed-1"

    /// `text` without English stopwords and with single spaces between words. Text of nothing but stopwords is
    /// kept as it is, so that a text never becomes empty.
    public static func apply(_ text: String) -> String {
        let words = text.split(whereSeparator: \.isWhitespace)
        let kept = words.filter { !stopwords.contains(bare($0)) }
        return (kept.isEmpty ? words : kept).joined(separator: " ")
    }

    /// A word in lower case without the punctuation around it.
    public static func bare(_ word: some StringProtocol) -> String {
        word.lowercased().trimmed(of: isPunctuation)
    }

    private static func isPunctuation(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.properties.generalCategory {
        case .connectorPunctuation, .dashPunctuation, .openPunctuation, .closePunctuation, .initialPunctuation,
            .finalPunctuation, .otherPunctuation:
            true
        default: false
        }
    }

    /// Function words of English: articles, pronouns, auxiliaries, prepositions, conjunctions, question words.
    public static let stopwords: Set<String> = Set(
        """
        a an the this that these those i me my mine myself we us our ours ourselves you your yours yourself \
        yourselves he him his himself she her hers herself it its itself they them their theirs themselves \
        who whom whose which what when where why how am is are was were be been being do does did doing done \
        have has had having can could may might must shall should will would and or but nor so yet if because \
        as until while of at by for with about against between into through during before after above below to \
        from up down in out on off over under again further then once here there all any both each few more \
        most other some such no not only own same than too very just also don't doesn't didn't isn't aren't \
        wasn't weren't won't wouldn't can't couldn't shouldn't it's that's there's i'm you're we're they're i've \
        you've we've they've
        """.split(separator: " ").map(String.init))
}
