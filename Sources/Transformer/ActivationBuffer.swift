import CKernels

/// Inputs of a matrix product for a batch of tokens: floats, and their 8-bit form where that is used.
final class ActivationBuffer {
    /// Floats from one token to the next: the width padded to groups of 32. Padding stays zero.
    let stride: Int
    private let values: AlignedBuffer<Float>
    private let activations: sp_activations
    private var integers: (AlignedBuffer<Int8>, AlignedBuffer<Float>, AlignedBuffer<Int16>)?

    init(width: Int, tokens: Int, quantized: Bool) throws(DecoderError) {
        let purpose = "activations"
        let groups = (width + Int(SP_GROUP_COLUMNS) - 1) / Int(SP_GROUP_COLUMNS)
        stride = groups * Int(SP_GROUP_COLUMNS)
        values = try AlignedBuffer(rowsOf: tokens, stride: stride, for: purpose)
        var activations = sp_activations()
        activations.groups = Int32(groups)
        activations.values = values.pointer
        if quantized {
            let count = sp_integer_groups(Int32(groups), Int32(tokens))
            let quants = try AlignedBuffer<Int8>(count: count * Int(SP_GROUP_COLUMNS), for: purpose)
            let scales = try AlignedBuffer<Float>(count: count, for: purpose)
            let halfSums = try AlignedBuffer<Int16>(count: 2 * count, for: purpose)
            activations.quants = quants.pointer
            activations.scales = scales.pointer
            activations.half_sums = halfSums.pointer
            integers = (quants, scales, halfSums)
        }
        self.activations = activations
    }

    /// What the kernels take for a batch of `tokens` tokens, at most those that there is room for.
    func activations(_ tokens: Int) -> sp_activations {
        var activations = activations
        activations.token_stride = sp_token_stride(Int32(tokens))
        return activations
    }

    /// The first token's floats.
    var pointer: UnsafeMutablePointer<Float> { values.pointer }

    /// A token's floats.
    func row(_ token: Int) -> UnsafeMutablePointer<Float> { values.row(ofToken: token, stride: stride) }

    /// Writes zeros over the floats of the first `tokens` tokens.
    func clearValues(tokens: Int) { values.clearRows(of: tokens, stride: stride) }
}
