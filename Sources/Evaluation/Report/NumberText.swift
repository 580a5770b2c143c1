import Basics

/// Numbers as a reader sees them.
enum NumberText {
    /// At most two decimals, and no zeros at the end. What no drawing reaches is drawn at 0.
    static func coordinate(_ value: Double) -> String {
        guard abs(value) < 1e9 else { return "0" }
        let rounded = (value * 100).rounded() / 100
        return rounded == rounded.rounded() ? "\(Int(rounded))" : "\(rounded)"
    }

    static func fixed(_ value: Double, _ decimals: Int = 3) -> String { formatted("%.\(decimals)f", value) }

    /// With its sign, and a minus as wide as the plus.
    static func signed(_ value: Double, _ decimals: Int = 3) -> String {
        formatted("%+.\(decimals)f", value).replacing("-", with: "\u{2212}")
    }

    static func percent(_ fraction: Double) -> String { formatted("%.1f%%", 100 * fraction) }

    /// Two significant digits, for numbers of any size.
    static func short(_ value: Double) -> String { formatted("%.2g", value) }

    static func interval(_ interval: ConfidenceInterval) -> String {
        "\(fixed(interval.low)) to \(fixed(interval.high))"
    }

    static func pValue(_ value: Double) -> String { value < 0.001 ? "< 0.001" : fixed(value) }
}
