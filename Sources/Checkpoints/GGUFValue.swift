/// A metadata value of a GGUF file.
public enum GGUFValue: Sendable, Equatable {
    case unsigned(UInt64)
    case signed(Int64)
    case float(Double)
    case bool(Bool)
    case string(String)
    case strings([String])
    case integers([Int64])
    case floats([Double])
    case bools([Bool])
    /// An array of arrays; GGUF allows them and no key that this library reads uses one.
    case arrays([GGUFValue])
}

/// The type ids of GGUF metadata values.
enum GGUFValueType: UInt32 {
    case uint8 = 0
    case int8, uint16, int16, uint32, int32, float32, bool, string, array, uint64, int64, float64

    /// The fewest bytes a value takes.
    var smallestSize: Int {
        switch self {
        case .uint8, .int8, .bool: 1
        case .uint16, .int16: 2
        case .uint32, .int32, .float32: 4
        case .uint64, .int64, .float64, .string: 8
        case .array: 12
        }
    }
}

extension ByteCursor {
    /// Arrays of arrays deeper than this are refused.
    private static let deepestNesting = 8
    /// Longer arrays than this are refused: numbers take up to eight times their room in the file, and none that this
    /// library reads is longer than a vocabulary.
    private static let longestArray = 1 << 24

    mutating func readValueType(_ field: String) throws(CheckpointError) -> GGUFValueType {
        let id = try read(UInt32.self, field)
        guard let type = GGUFValueType(rawValue: id) else {
            throw error(.malformed, field, "has value type \(id), which GGUF does not define")
        }
        return type
    }

    mutating func readValue(_ type: GGUFValueType, _ field: String, depth: Int = 0) throws(CheckpointError) -> GGUFValue
    {
        switch type {
        case .uint8: .unsigned(UInt64(try read(UInt8.self, field)))
        case .uint16: .unsigned(UInt64(try read(UInt16.self, field)))
        case .uint32: .unsigned(UInt64(try read(UInt32.self, field)))
        case .uint64: .unsigned(try read(UInt64.self, field))
        case .int8, .int16, .int32, .int64: .signed(try readInteger(type, field))
        case .float32, .float64: .float(try readFloat(type, field))
        case .bool: .bool(try readBool(field))
        case .string: .string(try readString(field))
        case .array: try readArray(field, depth: depth)
        }
    }

    private mutating func readInteger(_ type: GGUFValueType, _ field: String) throws(CheckpointError) -> Int64 {
        switch type {
        case .uint8: return Int64(try read(UInt8.self, field))
        case .int8: return Int64(try read(Int8.self, field))
        case .uint16: return Int64(try read(UInt16.self, field))
        case .int16: return Int64(try read(Int16.self, field))
        case .uint32: return Int64(try read(UInt32.self, field))
        case .int32: return Int64(try read(Int32.self, field))
        case .int64: return try read(Int64.self, field)
        default:
            let value = try read(UInt64.self, field)
            guard let narrowed = Int64(exactly: value) else {
                throw error(.malformed, field, "holds \(value), which is too large")
            }
            return narrowed
        }
    }

    private mutating func readFloat(_ type: GGUFValueType, _ field: String) throws(CheckpointError) -> Double {
        type == .float32 ? Double(try read(Float.self, field)) : try read(Double.self, field)
    }

    private mutating func readBool(_ field: String) throws(CheckpointError) -> Bool {
        let byte = try read(UInt8.self, field)
        guard byte <= 1 else { throw error(.malformed, field, "has the boolean \(byte)") }
        return byte == 1
    }

    private mutating func readArray(_ field: String, depth: Int) throws(CheckpointError) -> GGUFValue {
        guard depth < Self.deepestNesting else {
            throw error(.malformed, field, "nests arrays more than \(Self.deepestNesting) deep")
        }
        let type = try readValueType(field)
        let count = try readCount(ofSize: type.smallestSize, field)
        guard count <= Self.longestArray else {
            throw error(.unsupported, field, "has \(count) elements, more than \(Self.longestArray)")
        }
        switch type {
        case .string:
            var strings: [String] = []
            strings.reserveCapacity(count)
            for _ in 0..<count { strings.append(try readString(field)) }
            return .strings(strings)
        case .bool:
            var bools: [Bool] = []
            for _ in 0..<count { bools.append(try readBool(field)) }
            return .bools(bools)
        case .float32, .float64:
            var floats: [Double] = []
            for _ in 0..<count { floats.append(try readFloat(type, field)) }
            return .floats(floats)
        case .array:
            var arrays: [GGUFValue] = []
            for _ in 0..<count { arrays.append(try readArray(field, depth: depth + 1)) }
            return .arrays(arrays)
        default:
            var integers: [Int64] = []
            integers.reserveCapacity(count)
            for _ in 0..<count { integers.append(try readInteger(type, field)) }
            return .integers(integers)
        }
    }
}
