extension StringProtocol {
    /// Without white space, as Unicode defines it, at both ends.
    package var trimmed: String { trimmed(of: \.properties.isWhitespace) }

    /// Without the scalars at both ends that are `unwanted`.
    package func trimmed(of unwanted: (Unicode.Scalar) -> Bool) -> String {
        let scalars = unicodeScalars
        guard let first = scalars.firstIndex(where: { !unwanted($0) }),
            let last = scalars.lastIndex(where: { !unwanted($0) })
        else { return "" }
        return String(String.UnicodeScalarView(scalars[first...last]))
    }
}
