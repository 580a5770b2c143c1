import Basics

/// A linear axis: where values lie along it, and its round ticks.
package struct Axis {
    package let values: ClosedRange<Double>
    /// Where the smallest and the largest value lie.
    let start: Double
    let end: Double
    package let ticks: [Double]
    private let decimals: Int

    /// - Parameters:
    ///   - range: what the axis must cover; it ends at round numbers outside.
    ///   - steps: about how many steps between ticks.
    package init(covering range: ClosedRange<Double>, from start: Double, to end: Double, steps: Int = 5) {
        let most = 1e15
        let range = max(range.lowerBound, -most)...min(range.upperBound, most)
        let span = range.upperBound - range.lowerBound
        // A single value, up to rounding, still needs an axis around it.
        let size = max(1, abs(range.lowerBound), abs(range.upperBound))
        let padded = span > 1e-9 * size ? range : range.lowerBound - size / 2...range.upperBound + size / 2
        let step = Self.roundStep((padded.upperBound - padded.lowerBound) / Double(max(1, steps)))
        // A value on a tick up to rounding needs no further step.
        let first = (padded.lowerBound / step + 1e-9).rounded(.down)
        let last = (padded.upperBound / step - 1e-9).rounded(.up)
        self.init(first: first, last: last, step: step, from: start, to: end)
    }

    private init(first: Double, last: Double, step: Double, from start: Double, to end: Double) {
        values = first * step...last * step
        ticks = (0...Int(last - first)).map { (first + Double($0)) * step }
        let order = Int(log10(step).rounded(.down))
        let isRound = abs(step / pow(10, Double(order)) - (step / pow(10, Double(order))).rounded()) < 1e-6
        decimals = max(0, -order + (isRound ? 0 : 1))
        self.start = start
        self.end = end
    }

    /// The smallest of 1, 2, 2.5, 5 and 10 times a power of ten that is not smaller.
    private static func roundStep(_ rough: Double) -> Double {
        let power = pow(10, log10(rough).rounded(.down))
        return (([1, 2, 2.5, 5].first { $0 * power >= rough * (1 - 1e-9) }) ?? 10) * power
    }

    package func position(_ value: Double) -> Double {
        start + (end - start) * (value - values.lowerBound) / (values.upperBound - values.lowerBound)
    }

    package func label(_ tick: Double) -> String {
        // Rounding may leave a negative zero.
        NumberText.fixed(tick == 0 ? 0 : tick, decimals).replacing("-", with: "\u{2212}")
    }
}
