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

    /// The byte of each scalar value up to the last one of the alphabet; nil where none stands for a byte.
    private static let bytes: [UInt8?] = {
        var bytes = [UInt8?](repeating: nil, count: Int(scalars.map(\.value).max()!) + 1)
        for (byte, scalar) in scalars.enumerated() { bytes[Int(scalar.value)] = UInt8(byte) }
        return bytes
    }()

    /// The bytes that a vocabulary entry stands for, or nil where a character is not of the alphabet.
    static func decode(_ token: String) -> [UInt8]? {
        let bytes = bytes
        var decoded: [UInt8] = []
        decoded.reserveCapacity(token.utf8.count)
        for scalar in token.unicodeScalars {
            guard scalar.value < bytes.count, let byte = bytes[Int(scalar.value)] else { return nil }
            decoded.append(byte)
        }
        return decoded
    }
}
