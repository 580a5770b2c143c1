import Checkpoints
import Foundation
import TestSupport
import Testing

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

/// Builds GGUF bytes, well-formed or not.
struct GGUFBytes {
    var data = Data("GGUF".utf8)

    init(version: UInt32 = 3, tensors: UInt64, entries: UInt64) {
        append(version)
        append(tensors)
        append(entries)
    }

    mutating func append(_ value: some BitwiseCopyable) { withUnsafeBytes(of: value) { data.append(contentsOf: $0) } }

    mutating func append(string: String) {
        append(UInt64(string.utf8.count))
        data.append(contentsOf: string.utf8)
    }

    mutating func appendTensor(_ name: String, dimensions: [UInt64], type: UInt32 = 0, offset: UInt64 = 0) {
        append(string: name)
        append(UInt32(dimensions.count))
        for dimension in dimensions { append(dimension) }
        append(type)
        append(offset)
    }

    mutating func pad() { data.append(Data(repeating: 0, count: (32 - data.count % 32) % 32)) }
}

@Suite struct GGUFTests {
    private func open(_ data: Data) throws -> GGUFFile {
        try Fixtures.withTemporaryDirectory { folder in
            let url = folder.appending(path: "x.gguf")
            try data.write(to: url)
            return try GGUFFile(contentsOf: url)
        }
    }

    private func refusal(_ data: Data) -> CheckpointError? {
        do {
            _ = try open(data)
            return nil
        } catch {
            return error as? CheckpointError
        }
    }

    @Test func everyMetadataTypeIsRead() throws {
        var file = GGUFBytes(version: 2, tensors: 0, entries: 13)
        func entry(_ key: String, _ type: UInt32) {
            file.append(string: key)
            file.append(type)
        }
        entry("u8", 0); file.append(UInt8(200))
        entry("i8", 1); file.append(Int8(-5))
        entry("u16", 2); file.append(UInt16(60000))
        entry("i16", 3); file.append(Int16(-300))
        entry("u32", 4); file.append(UInt32(4_000_000_000))
        entry("i32", 5); file.append(Int32(-70000))
        entry("f32", 6); file.append(Float(1.5))
        entry("bool", 7); file.append(UInt8(1))
        entry("string", 8); file.append(string: "grüße")
        entry("array", 9); file.append(UInt32(9)); file.append(UInt64(1)); file.append(UInt32(0));
        file.append(UInt64(2)); file.append(UInt8(1)); file.append(UInt8(2))
        entry("u64", 10); file.append(UInt64.max)
        entry("i64", 11); file.append(Int64.min)
        entry("f64", 12); file.append(2.25)
        let metadata = try open(file.data).metadata
        #expect(metadata["u8"] == .unsigned(200))
        #expect(metadata["i8"] == .signed(-5))
        #expect(metadata["u16"] == .unsigned(60000))
        #expect(metadata["i16"] == .signed(-300))
        #expect(metadata["u32"] == .unsigned(4_000_000_000))
        #expect(metadata["i32"] == .signed(-70000))
        #expect(metadata["f32"] == .float(1.5))
        #expect(metadata["bool"] == .bool(true))
        #expect(metadata["string"] == .string("grüße"))
        #expect(metadata["array"] == .arrays([.integers([1, 2])]))
        #expect(metadata["u64"] == .unsigned(.max))
        #expect(metadata["i64"] == .signed(.min))
        #expect(metadata["f64"] == .float(2.25))
    }

    @Test func everyTruncationIsRefused() throws {
        let whole = try Data(contentsOf: Fixtures.url("types/Q4_0.gguf"))
        #expect(refusal(whole) == nil)
        for length in stride(from: 0, to: 6000, by: 7) { #expect(refusal(whole.prefix(length)) != nil) }
        #expect(refusal(whole.dropLast())?.reason == .truncated)
    }

    /// Any byte may be wrong; the reader gives a file or a typed error, and never crashes.
    @Test func alteredBytesNeverCrash() throws {
        let whole = try Data(contentsOf: Fixtures.url("types/Q4_0.gguf"))
        var state: UInt64 = 1
        for _ in 0..<3000 {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            var altered = whole
            altered[Int(state >> 33) % 6000] = UInt8(truncatingIfNeeded: state >> 20)
            do {
                _ = try ModelConfiguration(try open(altered))
            } catch {
                #expect(error is CheckpointError)
            }
        }
    }

    @Test func wrongMagicAndVersionsAreNamed() {
        #expect(refusal(Data("ggml and more".utf8))?.field == "magic")
        #expect(refusal(GGUFBytes(version: 1, tensors: 0, entries: 0).data)?.field == "version")
        #expect(
            refusal(GGUFBytes(version: 0x0300_0000, tensors: 0, entries: 0).data)?.detail.contains("big-endian") == true
        )
        #expect(refusal(Data())?.reason == .truncated)
    }

    @Test func countsPastTheEndAreRefused() {
        #expect(refusal(GGUFBytes(tensors: .max, entries: 0).data)?.field == "tensor count")
        #expect(refusal(GGUFBytes(tensors: 0, entries: 1 << 40).data)?.field == "metadata count")
        var string = GGUFBytes(tensors: 0, entries: 1)
        string.append(UInt64.max)
        string.data.append(Data(repeating: 0, count: 64))
        #expect(refusal(string.data)?.field == "metadata key 0")
        var array = GGUFBytes(tensors: 0, entries: 1)
        array.append(string: "long")
        array.append(UInt32(9))
        array.append(UInt32(0))
        array.append(UInt64(1) << 62)
        #expect(refusal(array.data)?.field == "long")
    }

    @Test func tenThousandNestedArraysAreRefused() {
        var file = GGUFBytes(tensors: 0, entries: 1)
        file.append(string: "deep")
        file.append(UInt32(9))
        for _ in 0..<10_000 {
            file.append(UInt32(9))
            file.append(UInt64(1))
        }
        #expect(refusal(file.data)?.field == "deep")
        #expect(refusal(file.data)?.reason == .malformed)
    }

    @Test func badTensorsAreRefused() {
        func refusal(_ change: (inout GGUFBytes) -> Void, tensors: UInt64 = 1) -> CheckpointError? {
            var file = GGUFBytes(tensors: tensors, entries: 0)
            change(&file)
            file.pad()
            file.data.append(Data(repeating: 0, count: 256))
            return self.refusal(file.data)
        }
        #expect(refusal { $0.appendTensor("ok", dimensions: [8, 8]) } == nil)
        #expect(refusal { $0.appendTensor("huge", dimensions: [1 << 40, 1 << 40]) }?.field == "huge")
        #expect(refusal { $0.appendTensor("wide", dimensions: [UInt64.max]) }?.field == "wide")
        #expect(refusal { $0.appendTensor("empty", dimensions: [0]) }?.field == "empty")
        #expect(refusal { $0.appendTensor("rankless", dimensions: []) }?.field == "rankless")
        #expect(refusal { $0.appendTensor("deep", dimensions: [1, 1, 1, 1, 1]) }?.field == "deep")
        #expect(refusal { $0.appendTensor("odd", dimensions: [33], type: 2) }?.reason == .malformed)
        #expect(refusal { $0.appendTensor("type", dimensions: [8], type: 77) }?.reason == .unsupported)
        #expect(refusal { $0.appendTensor("far", dimensions: [8], offset: 1 << 20) }?.reason == .truncated)
        #expect(refusal { $0.appendTensor("farther", dimensions: [8], offset: .max - 31) }?.field == "farther")
        #expect(refusal { $0.appendTensor("askew", dimensions: [8], offset: 5) }?.reason == .malformed)
        let twice = refusal(
            {
                $0.appendTensor("same", dimensions: [8])
                $0.appendTensor("same", dimensions: [8], offset: 32)
            }, tensors: 2)
        #expect(twice?.field == "same")
        let overlapping = refusal(
            {
                $0.appendTensor("one", dimensions: [16])
                $0.appendTensor("two", dimensions: [16], offset: 32)
            }, tensors: 2)
        #expect(overlapping?.detail.contains("overlaps") == true)
    }

    @Test func repeatedKeysAndBadAlignmentAreRefused() {
        var twice = GGUFBytes(tensors: 0, entries: 2)
        for _ in 0..<2 {
            twice.append(string: "key")
            twice.append(UInt32(0))
            twice.append(UInt8(1))
        }
        #expect(refusal(twice.data)?.field == "key")
        for alignment: UInt32 in [0, 24, 1 << 30] {
            var file = GGUFBytes(tensors: 0, entries: 1)
            file.append(string: "general.alignment")
            file.append(UInt32(4))
            file.append(alignment)
            #expect(refusal(file.data)?.field == "general.alignment")
        }
    }

    /// Hashing a long run of combining marks takes time in the square of its length; an escape acts on a terminal.
    @Test(arguments: [
        "a" + String(repeating: "\u{301}\u{327}", count: 100_000), "x\u{1B}[2J", String(repeating: "k", count: 70_000),
    ])
    func namesAreShortAndPlain(name: String) {
        var key = GGUFBytes(tensors: 0, entries: 1)
        key.append(string: name)
        key.append(UInt32(0))
        key.append(UInt8(1))
        var tensor = GGUFBytes(tensors: 1, entries: 0)
        tensor.appendTensor(name, dimensions: [8])
        tensor.pad()
        tensor.data.append(Data(repeating: 0, count: 32))
        #expect(refusal(key.data)?.field == "metadata key 0")
        #expect(refusal(tensor.data)?.field == "name of tensor 0")
    }

    /// Opening a pipe that nobody writes into must not wait.
    @Test func pipesAreRefused() throws {
        try Fixtures.withTemporaryDirectory { folder in
            let url = folder.appending(path: "pipe.gguf")
            #expect(mkfifo(url.path, 0o600) == 0)
            #expect(throws: CheckpointError.self) { try GGUFFile(contentsOf: url) }
        }
    }

    /// The least that a model's file says, with a name and one number more.
    private func model(named name: String, _ key: String, _ number: Float) -> Data {
        var file = GGUFBytes(tensors: 1, entries: 9)
        func entry(_ key: String, _ value: UInt32) {
            file.append(string: key)
            file.append(UInt32(4))
            file.append(value)
        }
        for (key, value) in [("general.architecture", "llama"), ("general.name", name)] {
            file.append(string: key)
            file.append(UInt32(8))
            file.append(string: value)
        }
        entry("llama.block_count", 1)
        entry("llama.embedding_length", 32)
        entry("llama.feed_forward_length", 32)
        entry("llama.attention.head_count", 2)
        entry("llama.context_length", 64)
        for (key, value) in [("attention.layer_norm_rms_epsilon", 1e-5), (key, number)] {
            file.append(string: "llama." + key)
            file.append(UInt32(6))
            file.append(value)
        }
        file.appendTensor("token_embd.weight", dimensions: [32, 8])
        file.pad()
        file.data.append(Data(repeating: 0, count: 1024))
        return file.data
    }

    /// Files from before there were types of scaling hold a factor alone.
    @Test(arguments: [("rope.scaling.factor", 4.0), ("rope.scale_linear", 4.0), ("rope.other", 1.0)])
    func aFactorAloneIsLinearScaling(key: String, scale: Double) throws {
        #expect(try ModelConfiguration(try open(model(named: "a", key, 4))).rotaryScale == scale)
    }

    /// Artifacts hold it, and are read again.
    @Test func aModelsNameHasNoLongRunsOfMarks() throws {
        let name = "a" + String(repeating: "\u{301}", count: 101)
        let error = #expect(throws: CheckpointError.self) {
            try ModelConfiguration(try open(model(named: name, "rope.other", 1)))
        }
        #expect(error?.field == "general.name")
    }

    @Test func missingFilesAndFoldersAreNamed() {
        for path in ["/nonexistent/model.gguf", FileManager.default.temporaryDirectory.path] {
            #expect(throws: CheckpointError.self) { try GGUFFile(contentsOf: URL(fileURLWithPath: path)) }
        }
    }

    @Test func configurationOfTheDefaultModel() throws {
        let configuration = try ModelConfiguration(try GGUFFile(contentsOf: Fixtures.defaultModel))
        #expect(configuration.architecture == .llama)
        #expect(configuration.layers == 30)
        #expect(configuration.heads == 9)
        #expect(configuration.keyValueHeads == 3)
        #expect(configuration.headSize == 64)
        #expect(configuration.contextLength == 8192)
    }
}
