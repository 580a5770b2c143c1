import CKernels

/// Buffers of a row of floats for each token of a batch, where kernels look for it: see `sp_token_row`.
extension AlignedBuffer where Element == Float {
    /// - Parameter stride: floats from one row to the next.
    convenience init(rowsOf tokens: Int, stride: Int, for purpose: String) throws(DecoderError) {
        try self.init(count: Self.rowFloats(of: tokens, stride: stride), for: purpose)
    }

    /// The row of a token.
    func row(ofToken token: Int, stride: Int) -> UnsafeMutablePointer<Float> {
        pointer + Int(sp_token_row(Int32(token))) * stride
    }

    /// Writes zeros over the rows of the first `tokens` tokens, and what lies between them.
    func clearRows(of tokens: Int, stride: Int) {
        pointer.update(repeating: 0, count: Self.rowFloats(of: tokens, stride: stride))
    }

    private static func rowFloats(of tokens: Int, stride: Int) -> Int {
        Int(sp_token_rows(Int32(tokens))) * stride
    }
}
