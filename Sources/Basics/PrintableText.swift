extension String {
    /// The text on one line, for a terminal: control characters, which would act on it, are replaced.
    package var printable: String {
        String(
            String.UnicodeScalarView(
                unicodeScalars.map { $0.properties.generalCategory == .control ? "\u{FFFD}" : $0 }))
    }
}
