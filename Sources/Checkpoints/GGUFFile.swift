import Basics

/// A tensor of a GGUF file: its shape and where its bytes lie in the mapped file.
public struct GGUFTensor: Sendable {
    public let name: String
    /// Fastest-varying dimension first, as GGUF writes it: a [rows, columns] matrix has `[columns, rows]`.
    public let dimensions: [Int]
    public let type: TensorElementType
    /// The byte range in the file.
    public let range: Range<Int>

    public var elementCount: Int { dimensions.reduce(1, *) }
    /// Length of a row.
    public var columns: Int { dimensions[0] }
    /// Everything but the fastest dimension, flattened.
    public var rows: Int { elementCount / columns }
}

/// A GGUF checkpoint, version 2 or 3, memory-mapped.
///
/// Every length, offset and count is checked against the file before it is used, so a damaged or hostile file
/// gives a ``CheckpointError`` that names the field. Memory used while reading is bounded by the file's size.
///
/// Format: the GGUF specification of the ggml project.
public final class GGUFFile: Sendable {
    public let file: MappedFile
    public let version: UInt32
    public let metadata: [String: GGUFValue]
    /// In file order.
    public let tensors: [GGUFTensor]
    private let indices: [String: Int]

    private static let magic: UInt32 = 0x4655_4747  // "GGUF"
    private static let mostDimensions = 4
    /// As the specification has it; it allows a tensor's name 64 characters.
    private static let longestKey = 65535
    private static let longestTensorName = 1024

    public init(contentsOf url: URL) throws(CheckpointError) {
        file = try MappedFile(contentsOf: url)
        var cursor = ByteCursor(file)
        guard try cursor.read(UInt32.self, "magic") == Self.magic else {
            throw cursor.error(.wrongFormat, "magic", "is not \"GGUF\"; this is not a GGUF file")
        }
        version = try cursor.read(UInt32.self, "version")
        guard version == 2 || version == 3 else {
            let swapped = version.byteSwapped == 2 || version.byteSwapped == 3
            throw cursor.error(
                .wrongFormat, "version",
                swapped ? "the file is big-endian, which is not supported" : "is \(version), expected 2 or 3")
        }
        // A tensor's entry takes at least 32 bytes, a metadata entry at least 13.
        let tensorCount = try cursor.readCount(ofSize: 32, "tensor count")
        let entryCount = try cursor.readCount(ofSize: 13, "metadata count")
        metadata = try Self.readMetadata(&cursor, count: entryCount)
        let infos = try Self.readTensorInfos(&cursor, count: tensorCount)
        tensors = try Self.place(infos, metadata: metadata, after: cursor)
        indices = Dictionary(uniqueKeysWithValues: tensors.enumerated().map { ($1.name, $0) })
    }

    /// The tensor of that name, or nil.
    public func tensor(_ name: String) -> GGUFTensor? { indices[name].map { tensors[$0] } }

    /// The bytes of a tensor, inside the mapped file.
    public func bytes(of tensor: GGUFTensor) -> UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(rebasing: file.bytes[tensor.range])
    }

    private static func readMetadata(_ cursor: inout ByteCursor, count: Int) throws(CheckpointError) -> [String:
        GGUFValue]
    {
        var metadata: [String: GGUFValue] = [:]
        for index in 0..<count {
            let key = try cursor.readName("metadata key \(index)", atMost: longestKey)
            let type = try cursor.readValueType(key)
            let value = try cursor.readValue(type, key)
            guard metadata.updateValue(value, forKey: key) == nil else {
                throw cursor.error(.malformed, key, "appears twice in the metadata")
            }
        }
        return metadata
    }

    private struct TensorInfo {
        let name: String
        let dimensions: [Int]
        let type: TensorElementType
        let offset: UInt64
        let byteCount: Int
    }

    private static func readTensorInfos(_ cursor: inout ByteCursor, count: Int) throws(CheckpointError) -> [TensorInfo]
    {
        var infos: [TensorInfo] = []
        var names: Set<String> = []
        for index in 0..<count {
            let name = try cursor.readName("name of tensor \(index)", atMost: longestTensorName)
            guard names.insert(name).inserted else {
                throw cursor.error(.malformed, name, "two tensors have this name")
            }
            let rank = try cursor.read(UInt32.self, name)
            guard (1...UInt32(mostDimensions)).contains(rank) else {
                throw cursor.error(.malformed, name, "has \(rank) dimensions, expected 1 to \(mostDimensions)")
            }
            var dimensions: [Int] = []
            var elements = 1
            for _ in 0..<rank {
                let size = try cursor.read(UInt64.self, name)
                guard size > 0, let dimension = Int(exactly: size) else {
                    throw cursor.error(.malformed, name, "has a dimension of \(size)")
                }
                let (product, overflow) = elements.multipliedReportingOverflow(by: dimension)
                guard !overflow else { throw cursor.error(.malformed, name, "has more elements than can be counted") }
                elements = product
                dimensions.append(dimension)
            }
            let typeID = try cursor.read(UInt32.self, name)
            guard let type = TensorElementType(rawValue: typeID) else {
                let known = TensorElementType.allCases.map(\.description).joined(separator: ", ")
                throw cursor.error(.unsupported, name, "has tensor type \(typeID); supported are \(known)")
            }
            guard dimensions[0] % type.blockSize == 0 else {
                throw cursor.error(
                    .malformed, name,
                    "has rows of \(dimensions[0]), not a multiple of \(type)'s block of \(type.blockSize)")
            }
            let (byteCount, overflow) = (elements / type.blockSize).multipliedReportingOverflow(by: type.blockBytes)
            guard !overflow else { throw cursor.error(.malformed, name, "has more bytes than can be counted") }
            infos.append(
                TensorInfo(
                    name: name, dimensions: dimensions, type: type, offset: try cursor.read(UInt64.self, name),
                    byteCount: byteCount))
        }
        return infos
    }

    /// Checks the tensors' offsets against the data section that starts after `cursor`.
    private static func place(
        _ infos: [TensorInfo], metadata: [String: GGUFValue], after cursor: ByteCursor
    ) throws(CheckpointError) -> [GGUFTensor] {
        var alignment = 32
        if let value = metadata["general.alignment"] {
            guard case .unsigned(let given) = value, given > 0, given <= 1 << 20, given & (given - 1) == 0 else {
                throw cursor.error(.malformed, "general.alignment", "is not a power of two up to 1048576")
            }
            alignment = Int(given)
        }
        let start = (cursor.offset + alignment - 1) / alignment * alignment
        let size = cursor.file.bytes.count
        var tensors: [GGUFTensor] = []
        for info in infos {
            guard let offset = Int(exactly: info.offset), offset % alignment == 0 else {
                throw cursor.error(.malformed, info.name, "has offset \(info.offset), not a multiple of \(alignment)")
            }
            guard start <= size, offset <= size - start, info.byteCount <= size - start - offset else {
                throw cursor.error(
                    .truncated, info.name,
                    "needs \(info.byteCount) bytes at offset \(info.offset) of the data, the file ends before that")
            }
            tensors.append(
                GGUFTensor(
                    name: info.name, dimensions: info.dimensions, type: info.type,
                    range: start + offset..<start + offset + info.byteCount))
        }
        let ordered = tensors.sorted { $0.range.lowerBound < $1.range.lowerBound }
        for (former, latter) in zip(ordered, ordered.dropFirst())
        where former.range.upperBound > latter.range.lowerBound {
            throw cursor.error(.malformed, latter.name, "overlaps the data of \(former.name)")
        }
        return tensors
    }
}

extension GGUFFile {
    /// What is wrong with a field of the metadata, or with a tensor.
    package func failure(_ reason: CheckpointError.Reason, _ field: String, _ detail: String) -> CheckpointError {
        CheckpointError(reason, file: file.path, field: field, detail: detail)
    }

    /// A tensor that the model cannot do without.
    package func requiredTensor(_ name: String) throws(CheckpointError) -> GGUFTensor {
        guard let tensor = tensor(name) else { throw failure(.missing, name, "the model has no such tensor") }
        return tensor
    }

    /// An integer of the metadata, or nil where the key is not there.
    public func integer(_ key: String) throws(CheckpointError) -> Int? {
        switch metadata[key] {
        case nil: return nil
        case .unsigned(let value):
            if let narrowed = Int(exactly: value) { return narrowed }
        case .signed(let value): return Int(value)
        default: break
        }
        throw failure(.malformed, key, "is not an integer in range")
    }

    /// A number of the metadata, or nil where the key is not there.
    public func number(_ key: String) throws(CheckpointError) -> Double? {
        switch metadata[key] {
        case nil: return nil
        case .float(let value): return value
        case .unsigned(let value): return Double(value)
        case .signed(let value): return Double(value)
        default: throw failure(.malformed, key, "is not a number")
        }
    }

    public func string(_ key: String) throws(CheckpointError) -> String? {
        guard let value = metadata[key] else { return nil }
        guard case .string(let string) = value else { throw failure(.malformed, key, "is not a string") }
        return string
    }

    /// A string that is one of a few names. Comparing longer ones may take time in the square of their length.
    public func name(_ key: String) throws(CheckpointError) -> String? {
        let value = try string(key)
        if let value, value.utf8.count > 64 { throw failure(.malformed, key, "has \(value.utf8.count) bytes, no name") }
        return value
    }

    public func bool(_ key: String) throws(CheckpointError) -> Bool? {
        guard let value = metadata[key] else { return nil }
        guard case .bool(let bool) = value else { throw failure(.malformed, key, "is not a boolean") }
        return bool
    }

    public func strings(_ key: String) throws(CheckpointError) -> [String]? {
        guard let value = metadata[key] else { return nil }
        guard case .strings(let strings) = value else { throw failure(.malformed, key, "is not an array of strings") }
        return strings
    }

    public func integers(_ key: String) throws(CheckpointError) -> [Int64]? {
        guard let value = metadata[key] else { return nil }
        guard case .integers(let integers) = value else {
            throw failure(.malformed, key, "is not an array of integers")
        }
        return integers
    }

    public func numbers(_ key: String) throws(CheckpointError) -> [Double]? {
        guard let value = metadata[key] else { return nil }
        guard case .floats(let numbers) = value else {
            throw failure(.malformed, key, "is not an array of floating-point numbers")
        }
        return numbers
    }

    /// As the accessor for the key's type, but a key that is not there is an error.
    public func required<Value>(_ key: String, _ value: Value?) throws(CheckpointError) -> Value {
        guard let value else { throw failure(.missing, key, "is missing from the metadata") }
        return value
    }
}
