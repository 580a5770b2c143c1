import Basics

/// A safetensors file of float32 tensors: a JSON header with shapes and offsets, then the data.
///
/// Format: the safetensors specification of Hugging Face. Only `F32` and `I32` tensors are read.
public struct SafetensorsFile: Sendable {
    /// A tensor's shape, outermost dimension first, and its values in row-major order.
    public struct Tensor: Sendable, Equatable {
        public let shape: [Int]
        public let values: [Float]

        /// - Precondition: the shape's product is the number of values.
        public init(shape: [Int], values: [Float]) {
            precondition(shape.reduce(1, *) == values.count)
            self.shape = shape
            self.values = values
        }
    }

    public let tensors: [String: Tensor]
    /// The file's own notes.
    public let metadata: [String: String]

    public init(tensors: [String: Tensor], metadata: [String: String] = [:]) {
        self.tensors = tensors
        self.metadata = metadata
    }

    private struct Entry: Codable {
        let dtype: String
        let shape: [Int]
        let data_offsets: [Int]
    }

    private enum HeaderValue: Decodable {
        case entry(Entry)
        case metadata([String: String])

        init(from decoder: any Decoder) throws {
            if let entry = try? Entry(from: decoder) {
                self = .entry(entry)
            } else {
                self = .metadata(try [String: String](from: decoder))
            }
        }
    }

    private static let longestHeader = 100_000_000

    public init(contentsOf url: URL) throws(CheckpointError) {
        let file = try MappedFile(contentsOf: url)
        var cursor = ByteCursor(file)
        let length = try cursor.readCount(ofSize: 1, "header length")
        guard length <= Self.longestHeader else { throw cursor.error(.malformed, "header length", "is \(length)") }
        // Comparing names takes time in the square of a run of combining marks, written out or escaped; ours have none.
        let written = file.bytes[8..<8 + length]
        let escapes = zip(written, written.dropFirst()).contains { $0 == UInt8(ascii: "\\") && $1 == UInt8(ascii: "u") }
        guard written.allSatisfy({ $0 < 0x80 }), !escapes else {
            throw cursor.error(.unsupported, "header", "has characters beyond ASCII")
        }
        let header: [String: HeaderValue]
        do {
            header = try JSONDecoder().decode([String: HeaderValue].self, from: Data(written))
        } catch {
            throw cursor.error(.malformed, "header", "is not a safetensors header")
        }
        let data = UnsafeRawBufferPointer(rebasing: file.bytes[(8 + length)...])
        try Self.checkApart(header, cursor)
        var tensors: [String: Tensor] = [:]
        var metadata: [String: String] = [:]
        for (name, value) in header {
            switch value {
            case .metadata(let notes): metadata = notes
            case .entry(let entry): tensors[name] = try Self.tensor(name, entry, data, cursor)
            }
        }
        self.init(tensors: tensors, metadata: metadata)
    }

    /// The format has no overlaps: a small file cannot hold many large tensors.
    private static func checkApart(_ header: [String: HeaderValue], _ cursor: ByteCursor) throws(CheckpointError) {
        let ranges = header.compactMap { name, value -> (name: String, start: Int, end: Int)? in
            guard case .entry(let entry) = value, entry.data_offsets.count == 2 else { return nil }
            return (name, entry.data_offsets[0], entry.data_offsets[1])
        }.sorted { ($0.start, $0.end) < ($1.start, $1.end) }
        for (former, latter) in zip(ranges, ranges.dropFirst()) where former.end > latter.start {
            throw cursor.error(.malformed, latter.name, "overlaps the data of \(former.name)")
        }
    }

    private static func tensor(
        _ name: String, _ entry: Entry, _ data: UnsafeRawBufferPointer, _ cursor: ByteCursor
    ) throws(CheckpointError) -> Tensor {
        guard entry.dtype == "F32" || entry.dtype == "I32" else {
            throw cursor.error(.unsupported, name, "has element type \(entry.dtype), expected F32 or I32")
        }
        var count = 1
        for dimension in entry.shape {
            let (product, overflow) = count.multipliedReportingOverflow(by: dimension)
            guard dimension >= 0, !overflow else {
                throw cursor.error(.malformed, name, "has the shape \(entry.shape)")
            }
            count = product
        }
        let (bytes, overflow) = count.multipliedReportingOverflow(by: 4)
        guard !overflow, entry.data_offsets.count == 2, entry.data_offsets[0] >= 0,
            entry.data_offsets[1] <= data.count, entry.data_offsets[0] <= entry.data_offsets[1],
            entry.data_offsets[1] - entry.data_offsets[0] == bytes
        else {
            throw cursor.error(.truncated, name, "has offsets \(entry.data_offsets) for shape \(entry.shape)")
        }
        let start = entry.data_offsets[0]
        let values = (0..<count).map { index in
            let bits = data.loadUnaligned(fromByteOffset: start + 4 * index, as: UInt32.self)
            return entry.dtype == "F32" ? Float(bitPattern: bits) : Float(Int32(bitPattern: bits))
        }
        return Tensor(shape: entry.shape, values: values)
    }

    /// The file's bytes; the same tensors give the same bytes.
    public func encoded() throws -> Data {
        var offset = 0
        var entries: [String: Entry] = [:]
        let names = tensors.keys.sorted()
        for name in names {
            let bytes = 4 * tensors[name]!.values.count
            entries[name] = Entry(dtype: "F32", shape: tensors[name]!.shape, data_offsets: [offset, offset + bytes])
            offset += bytes
        }
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        var header = String(decoding: try encoder.encode(entries), as: UTF8.self)
        if !metadata.isEmpty {
            let notes = String(decoding: try encoder.encode(metadata), as: UTF8.self)
            header = "{\"__metadata__\":\(notes)" + (entries.isEmpty ? "}" : ",\(header.dropFirst())")
        }
        header += String(repeating: " ", count: (8 - header.utf8.count % 8) % 8)
        var data = Data()
        withUnsafeBytes(of: UInt64(header.utf8.count).littleEndian) { data.append(contentsOf: $0) }
        data.append(contentsOf: header.utf8)
        for name in names { tensors[name]!.values.withUnsafeBytes { data.append(contentsOf: $0) } }
        return data
    }
}
