// The standard library composes characters to compare strings; Foundation's own way to do it needs all of ICU.
@_spi(_Unicode) import Swift

extension String {
    /// Unicode normal form C, in which é is one scalar and not an e with an accent.
    var canonicallyComposed: String {
        var composed = UnicodeScalarView()
        for scalar in _nfc { composed.append(scalar) }
        return String(composed)
    }
}
