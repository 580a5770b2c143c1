import Basics
import TestSupport
import Testing

@Suite struct WholeFileTests {
    private let former = Data("former".utf8)
    private let latter = Data("latter".utf8)

    @Test func foldersAreMadeAndFilesReplaced() throws {
        try Fixtures.withTemporaryDirectory { folder in
            let file = folder.appending(path: "a/b/file.json")
            for data in [former, latter] {
                try WholeFile.write(data, to: file)
                #expect(try Data(contentsOf: file) == data)
            }
            #expect(try FileManager.default.contentsOfDirectory(atPath: folder.appending(path: "a/b").path).count == 1)
            #expect(throws: FileWriteError.self) { try WholeFile.write(latter, to: folder) }
            #expect(throws: FileWriteError.self) { try WholeFile.write(latter, to: file.appending(path: "below")) }
        }
    }

    /// What a link leads to is written, and the link stays.
    @Test func linksAreFollowed() throws {
        try Fixtures.withTemporaryDirectory { folder in
            let (target, link) = (folder.appending(path: "target"), folder.appending(path: "link"))
            try former.write(to: target)
            try FileManager.default.createSymbolicLink(at: link, withDestinationURL: target)
            try WholeFile.write(latter, to: link)
            #expect(try Data(contentsOf: target) == latter)
            #expect(try FileManager.default.destinationOfSymbolicLink(atPath: link.path) == target.path)
            try FileManager.default.removeItem(at: target)
            #expect(throws: FileWriteError.self) { try WholeFile.write(latter, to: link) }
        }
    }

    @Test func permissionsStay() throws {
        try Fixtures.withTemporaryDirectory { folder in
            let file = folder.appending(path: "file")
            try former.write(to: file)
            try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: file.path)
            try WholeFile.write(latter, to: file)
            #expect(try FileManager.default.attributesOfItem(atPath: file.path)[.posixPermissions] as? Int == 0o600)
        }
    }

    /// Devices are written to: a file must not take their place.
    @Test func devicesStayDevices() throws {
        let null = URL(fileURLWithPath: "/dev/null")
        try WholeFile.write(latter, to: null)
        let type = try FileManager.default.attributesOfItem(atPath: null.path)[.type] as? FileAttributeType
        #expect(type == .typeCharacterSpecial)
    }
}
