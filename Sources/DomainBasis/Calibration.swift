/// Temperature scaling (Guo et al., 2017) of one layer's probes, `p = sigmoid(z / T)`.
public enum TemperatureCalibration {
    package static let range = 0.05...20.0

    /// The temperature in [0.05, 20] with the lowest mean binary cross-entropy.
    ///
    /// The loss is convex in 1/T, so a golden-section search over it finds the minimum.
    /// - Parameters:
    ///   - logits: `[texts][domains]`.
    ///   - labels: `[texts][domains]`, each in [0, 1].
    public static func temperature(logits: [[Double]], labels: [[Double]]) -> Double {
        func loss(_ inverse: Double) -> Double {
            var sum = 0.0
            for (z, y) in zip(logits, labels) {
                for (logit, label) in zip(z, y) { sum += binaryCrossEntropy(logit: logit * inverse, label: label) }
            }
            return sum
        }
        let ratio = (5.0.squareRoot() - 1) / 2
        var (low, high) = (1 / range.upperBound, 1 / range.lowerBound)
        var inner = high - ratio * (high - low)
        var outer = low + ratio * (high - low)
        var (innerLoss, outerLoss) = (loss(inner), loss(outer))
        while high - low > 1e-7 * high {
            if innerLoss <= outerLoss {
                (high, outer, outerLoss) = (outer, inner, innerLoss)
                inner = high - ratio * (high - low)
                innerLoss = loss(inner)
            } else {
                (low, inner, innerLoss) = (inner, outer, outerLoss)
                outer = low + ratio * (high - low)
                outerLoss = loss(outer)
            }
        }
        return 2 / (low + high)
    }
}

/// Expected calibration error (Naeini et al., 2015) of binary probabilities: over ten equal bins of probability,
/// the mean distance between the mean probability and the mean label, weighted by how many fall in the bin. What is no
/// probability falls in the nearest bin.
public func expectedCalibrationError(probabilities: [Double], labels: [Double]) -> Double {
    let bins = 10
    var counts = [Double](repeating: 0, count: bins)
    var probabilitySums = counts
    var labelSums = counts
    for (probability, label) in zip(probabilities, labels) {
        let bin = min(Int(min(max(0, probability), 1) * Double(bins)), bins - 1)
        counts[bin] += 1
        probabilitySums[bin] += probability
        labelSums[bin] += label
    }
    let total = Double(max(probabilities.count, 1))
    return (0..<bins).reduce(0) { $0 + abs(probabilitySums[$1] - labelSums[$1]) / total }
}

/// The situations that probes are calibrated for.
public enum CalibrationRegime: String, Sendable, CaseIterable, Codable, CodingKeyRepresentable {
    /// Texts of one domain; one-hot labels.
    case singleDomain
    /// Texts of a domain that was not selected; soft labels, its similarity to each domain's axis.
    case outOfDomain
    /// Texts mixed from two domains; both labels on.
    case crossDomain
}

/// The calibration of every layer in one regime.
public struct RegimeCalibration: Sendable, Codable, Equatable {
    /// T, `[layers]`.
    public let temperatures: [Double]
    /// Expected calibration error of each layer at T = 1.
    public let errorBefore: [Double]
    /// Expected calibration error of each layer at its temperature.
    public let errorAfter: [Double]

    public init(temperatures: [Double], errorBefore: [Double], errorAfter: [Double]) {
        self.temperatures = temperatures
        self.errorBefore = errorBefore
        self.errorAfter = errorAfter
    }

    /// Fits every layer.
    ///
    /// - Parameters:
    ///   - logits: `[layers][texts][domains]`.
    ///   - labels: `[texts][domains]`.
    public init(fitting logits: [[[Double]]], labels: [[Double]]) {
        func error(_ layer: [[Double]], _ temperature: Double) -> Double {
            expectedCalibrationError(
                probabilities: layer.flatMap { $0.map { sigmoid($0 / temperature) } }, labels: labels.flatMap(\.self))
        }
        let temperatures = logits.map { TemperatureCalibration.temperature(logits: $0, labels: labels) }
        self.init(
            temperatures: temperatures,
            errorBefore: logits.map { error($0, 1) },
            errorAfter: zip(logits, temperatures).map(error))
    }
}
