import Checkpoints
import Foundation
import TestSupport
import Testing

@Suite struct SafetensorsTests {
    @Test func whatIsWrittenIsRead() throws {
        let file = SafetensorsFile(
            tensors: [
                "a": .init(shape: [2, 3], values: [1, 2, 3, 4, 5, -6.5]), "b": .init(shape: [0], values: []),
                "c": .init(shape: [1], values: [.greatestFiniteMagnitude]),
            ], metadata: ["note": "a \"quoted\" note"])
        let data = try file.encoded()
        #expect(try file.encoded() == data)
        try Fixtures.withTemporaryDirectory { folder in
            let url = folder.appending(path: "x.safetensors")
            try data.write(to: url)
            let read = try SafetensorsFile(contentsOf: url)
            #expect(read.tensors == file.tensors)
            #expect(read.metadata == file.metadata)
            for name in ["\u{E9}", "e\\u0301"] {
                let header = Data("{\"\(name)\":{\"dtype\":\"F32\",\"shape\":[0],\"data_offsets\":[0,0]}}".utf8)
                let length = withUnsafeBytes(of: UInt64(header.count).littleEndian) { Data($0) }
                try (length + header).write(to: url)
                #expect(throws: CheckpointError.self) { try SafetensorsFile(contentsOf: url) }
            }
            for length in stride(from: 0, to: data.count - 1, by: 3) {
                try data.prefix(length).write(to: url)
                #expect(throws: CheckpointError.self) { try SafetensorsFile(contentsOf: url) }
            }
        }
    }

    @Test(arguments: [
        #"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,9]}}"#,
        #"{"a":{"dtype":"F32","shape":[2],"data_offsets":[-8,0]}}"#,
        #"{"a":{"dtype":"F32","shape":[4611686018427387904,4],"data_offsets":[0,8]}}"#,
        #"{"a":{"dtype":"F32","shape":[-1,-2],"data_offsets":[0,8]}}"#,
        #"{"a":{"dtype":"F64","shape":[1],"data_offsets":[0,8]}}"#,
        #"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0]}}"#,
        #"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}"#,
        "not json",
    ])
    func hostileHeadersAreRefused(header: String) throws {
        try Fixtures.withTemporaryDirectory { folder in
            var data = Data()
            withUnsafeBytes(of: UInt64(header.utf8.count)) { data.append(contentsOf: $0) }
            data.append(contentsOf: header.utf8)
            data.append(Data(repeating: 0, count: 8))
            let url = folder.appending(path: "x.safetensors")
            try data.write(to: url)
            #expect(throws: CheckpointError.self) { try SafetensorsFile(contentsOf: url) }
        }
    }
}
