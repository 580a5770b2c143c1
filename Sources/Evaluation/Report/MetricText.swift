/// How a metric is named and explained on a page.
struct MetricText {
    let title: String
    let axis: String
    let explanation: Markup

    init(_ metric: Metric) {
        switch metric {
        case .accuracy:
            title = "Accuracy of written answers"
            axis = "accuracy"
            explanation = """
                Mean score of the written answers: for a multiple choice whether its letter is right, otherwise the \
                share of the expected keywords that were found. Higher is better.
                """
        case .likelihoodAccuracy:
            title = "Likeliest text"
            axis = "accuracy"
            explanation = "how often the right option\u{2019}s text is the likeliest."
        case .likelihoodAccuracyNormalized:
            title = "Likeliest text per byte"
            axis = "accuracy"
            explanation = "the same by log-likelihood per byte of text."
        case .letterAccuracy:
            title = "Likeliest letter"
            axis = "accuracy"
            explanation = "how often the right option\u{2019}s letter is the likeliest."
        case .answerNLL:
            title = "Negative log-likelihood of the right answer"
            axis = "nats per token"
            explanation = """
                How surprised the model is by the right answer, in nats per token; nothing is written for it. Lower \
                is better.
                """
        case .klToDense:
            title = "Divergence from the dense model"
            axis = "nats per token"
            explanation = """
                Kullback\u{2013}Leibler divergence of the pathway\u{2019}s predictions from the dense model\u{2019}s \
                over the right answer, in nats per token. Zero means that pruning changed nothing.
                """
        }
    }
}
