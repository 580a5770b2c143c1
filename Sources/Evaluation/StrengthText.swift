import Basics

/// A pruning strength as tables and reports show it.
public enum StrengthText {
    /// Two decimals, and more where it has them: different strengths never look the same.
    public static func of(_ strength: Double) -> String {
        let text = formatted("%.2f", strength)
        return Double(text) == strength ? text : "\(strength)"
    }
}
