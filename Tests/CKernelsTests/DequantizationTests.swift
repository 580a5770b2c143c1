import CKernels
import Checkpoints
import TestSupport
import Testing

@Suite struct DequantizationTests {
    /// gguf-py's dequantisation of the same bytes. The arithmetic is the same, so only the order of roundings differs.
    @Test(arguments: ["F32", "F16", "BF16", "Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q8_0", "Q4_K", "Q5_K", "Q6_K"])
    func valuesAgreeWithGgufPy(name: String) throws {
        let ids: [String: sp_element_type] = [
            "F32": SP_TYPE_F32, "F16": SP_TYPE_F16, "BF16": SP_TYPE_BF16, "Q4_0": SP_TYPE_Q4_0, "Q4_1": SP_TYPE_Q4_1,
            "Q5_0": SP_TYPE_Q5_0, "Q5_1": SP_TYPE_Q5_1, "Q8_0": SP_TYPE_Q8_0, "Q4_K": SP_TYPE_Q4_K,
            "Q5_K": SP_TYPE_Q5_K, "Q6_K": SP_TYPE_Q6_K,
        ]
        let tensors = try Fixtures.tensors("types/dequantized.safetensors")
        let raw = try #require(tensors["\(name).raw"]).values.map { UInt8($0) }
        let expected = try #require(tensors["\(name).values"]).values
        var found = [Float](repeating: 0, count: expected.count)
        sp_dequantize(try #require(ids[name]), raw, expected.count, &found)
        for (a, b) in zip(found, expected) { #expect(abs(a - b) <= 1e-6 * abs(b)) }
    }
}
