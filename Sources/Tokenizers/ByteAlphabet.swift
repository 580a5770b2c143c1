/// The printable characters that stand for bytes in byte-level vocabularies, as GPT-2 introduced them: bytes
/// that print stand for themselves, the others for U+0100 on, in order.
enum ByteAlphabet {
    static let scalars: [Unicode.Scalar] = {
        var next: UInt32 = 0x100
        return (0...255).map { (byte: UInt32) in
            if (0x21...0x7E).contains(byte) || (0xA1...0xAC).contains(byte) || (0xAE...0xFF).contains(byte) {
                return Unicode.Scalar(byte)!
            }
            defer { next += 1 }
            return Unicode.Scalar(next)!
        }
    }()

    private static let bytes: [Unicode.Scalar: UInt8] = Dictionary(
        uniqueKeysWithValues: scalars.enumerated().map { ($1, UInt8($0)) })

    /// The bytes that a vocabulary entry stands for, or nil where a character is not of the alphabet.
    static func decode(_ token: String) -> [UInt8]? {
        var decoded: [UInt8] = []
        for scalar in token.unicodeScalars {
            guard let byte = bytes[scalar] else { return nil }
            decoded.append(byte)
        }
        return decoded
    }
}
