import Basics

/// One-vs-rest logistic probes of one layer: `z = P r + b`, `p_k = sigmoid(z_k)`.
///
/// `r` is the mean post-attention residual of a text. Its part along the ``AttentionSink`` says how many tokens the
/// text has, and probes do not see it. They are trained on standardised residuals, because the residual stream has a
/// few directions of enormous scale; both are then folded into P and b, so that a trained probe reads the residual
/// itself.
public struct LinearProbe: Sendable, Equatable {
    /// P, `[domains][width]`.
    public let weights: [[Float]]
    /// b, `[domains]`.
    public let biases: [Float]

    public init(weights: [[Float]], biases: [Float]) {
        self.weights = weights
        self.biases = biases
    }

    /// z, `[domains]`.
    public func logits(_ residual: [Float]) -> [Double] {
        zip(weights, biases).map { Double($1) + dot($0, residual) }
    }

    /// The share of texts whose largest logit is that of their own domain.
    public func accuracy(_ residuals: [[Float]], domains: [Int]) -> Double {
        let right = zip(residuals, domains).count { residual, domain in
            let z = logits(residual)
            return z.indices.max { (z[$0], $1) < (z[$1], $0) } == domain
        }
        return Double(right) / Double(max(residuals.count, 1))
    }
}

/// How probes are trained.
public struct ProbeTraining: Sendable, Equatable {
    public var epochs = 20
    public var learningRate = 0.0003
    public var batchSize = 16
    public var weightDecay = 1e-2
    /// Epochs without a better validation loss before training stops.
    public var patience = 5
    public var seed: UInt64 = 42

    public init() {}

    /// Trains the probes of one layer by minimising binary cross-entropy with Adam (Kingma and Ba, 2015),
    /// decoupled weight decay, keeping the epoch of the lowest validation loss.
    ///
    /// - Parameters:
    ///   - residuals: `[texts][width]`, with the domain index of each in `domains`; nil for a text of none of them.
    ///   - validation: the same for the validation pool.
    ///   - sink: what probes do not see.
    public func train(
        residuals: [[Float]], domains: [Int?], validation: (residuals: [[Float]], domains: [Int]), domainCount: Int,
        ignoring sink: AttentionSink
    ) -> LinearProbe {
        let seen = residuals.map(sink.removed)
        let standard = Standardization(pools: [seen])
        let inputs = seen.map(standard.apply)
        let validationInputs = validation.residuals.map { standard.apply(sink.removed(from: $0)) }
        var state = AdamState(domains: domainCount, width: standard.mean.count, self)
        var best = (loss: Double.infinity, weights: state.weights, biases: state.biases, epoch: 0)
        var generator = SplitMix64(seed: seed)
        for epoch in 0..<epochs {
            for batch in Array(inputs.indices).shuffled(using: &generator).chunks(of: batchSize) {
                state.step(batch.map { inputs[$0] }, batch.map { domains[$0] })
            }
            let loss = state.loss(validationInputs, validation.domains)
            if loss < best.loss { best = (loss, state.weights, state.biases, epoch) }
            if epoch - best.epoch >= patience { break }
        }
        return sink.fold(standard.fold(weights: best.weights, biases: best.biases))
    }
}

private struct AdamState {
    var weights: [[Double]]
    var biases: [Double]
    private var moments: [[(Double, Double)]]
    private var steps = 0
    private let training: ProbeTraining

    init(domains: Int, width: Int, _ training: ProbeTraining) {
        weights = Array(repeating: Array(repeating: 0, count: width), count: domains)
        biases = Array(repeating: 0, count: domains)
        // The last moment of a row is its bias's.
        moments = Array(repeating: Array(repeating: (0, 0), count: width + 1), count: domains)
        self.training = training
    }

    private func logit(_ domain: Int, _ input: [Double]) -> Double {
        weights[domain].withUnsafeBufferPointer { w in
            input.withUnsafeBufferPointer { x in
                var sum = biases[domain]
                for i in w.indices { sum += w[i] * x[i] }
                return sum
            }
        }
    }

    /// Mean binary cross-entropy over texts and domains.
    func loss(_ inputs: [[Double]], _ domains: [Int]) -> Double {
        var sum = 0.0
        for (input, domain) in zip(inputs, domains) {
            for k in weights.indices { sum += binaryCrossEntropy(logit: logit(k, input), label: k == domain ? 1 : 0) }
        }
        return sum / Double(max(inputs.count * weights.count, 1))
    }

    mutating func step(_ inputs: [[Double]], _ domains: [Int?]) {
        steps += 1
        let (first, second) = (0.9, 0.999)
        let firstCorrection = 1 - pow(first, Double(steps))
        let secondCorrection = 1 - pow(second, Double(steps))
        for k in weights.indices {
            let errors = zip(inputs, domains).map { input, domain in
                (sigmoid(logit(k, input)) - (domain == k ? 1 : 0)) / Double(inputs.count)
            }
            let width = weights[k].count
            var gradient = [Double](repeating: 0, count: width + 1)
            for (input, error) in zip(inputs, errors) {
                for i in 0..<width { gradient[i] += error * input[i] }
                gradient[width] += error
            }
            for i in 0...width {
                var (m, v) = moments[k][i]
                m = first * m + (1 - first) * gradient[i]
                v = second * v + (1 - second) * gradient[i] * gradient[i]
                moments[k][i] = (m, v)
                let change =
                    training.learningRate * (m / firstCorrection) / ((v / secondCorrection).squareRoot() + 1e-8)
                if i < width {
                    weights[k][i] -= change + training.learningRate * training.weightDecay * weights[k][i]
                } else {
                    biases[k] -= change
                }
            }
        }
    }
}
