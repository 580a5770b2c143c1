import Foundation
import Testing

@testable import Basics

struct BasicsTests {
    @Test func numbersAreFormattedAsInC() {
        let text = formatted("%6.2f|%+.3f|%3d|%#x|%.2g", 3.14159, -0.5, 7, 255, 0.000123)
        #expect(text == "  3.14|-0.500|  7|0xff|0.00012")
        let long = formatted("%.1f", Double.greatestFiniteMagnitude)
        #expect(long.count == 311 && long == String(format: "%.1f", Double.greatestFiniteMagnitude))
    }

    /// Every scalar of Unicode's property White_Space, and nothing else.
    @Test func whiteSpaceIsTrimmedFromBothEnds() {
        #expect(" \t\r\n\u{85}\u{A0}\u{3000}a b\u{2028}\u{2009}".trimmed == "a b")
        #expect("\u{200B}a\u{301} ".trimmed == "\u{200B}a\u{301}")
        #expect(" \u{301}".trimmed.unicodeScalars.elementsEqual(["\u{301}"]))
        #expect(" \n".trimmed == "" && "".trimmed == "")
        #expect("--a-b--".trimmed(of: { $0 == "-" }) == "a-b")
    }

    @Test func allBytesAreWrittenOrAnErrorSaysWhy() throws {
        var ends: [Int32] = [0, 0]
        try #require(pipe(&ends) == 0)
        let (reading, writing) = (ends[0], ends[1])
        // More than a pipe holds, so that it is written in pieces.
        let bytes = (0..<1_000_000).map { UInt8(truncatingIfNeeded: $0 &* 31) }
        let thread = Thread {
            try? FileDescriptor(writing).write(bytes)
            close(writing)
        }
        thread.start()
        #expect(try FileHandle(fileDescriptor: reading, closeOnDealloc: true).readToEnd() == Data(bytes))
        let closed = #expect(throws: SystemError.self) { try FileDescriptor(-1).write([1]) }
        #expect(closed?.description == "Bad file descriptor")
    }

    @Test func aLockIsTakenOnce() throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "lock-\(UUID())")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        var lock: FileLock? = try FileLock(folder.path)
        #expect(throws: FileLock.Taken.self) { try FileLock(folder.path) }
        #expect(lock != nil)
        lock = nil
        _ = try FileLock(folder.path)
        #expect(throws: SystemError.self) { try FileLock(folder.path + "/none") }
    }

    @Test func foldersAreToldFromFiles() {
        let file = URL(fileURLWithPath: #filePath)
        #expect(FileManager.default.isFolder(atPath: file.path) == false)
        #expect(FileManager.default.isFolder(atPath: file.deletingLastPathComponent().path) == true)
        #expect(FileManager.default.isFolder(atPath: file.path + "/none") == nil)
    }
}
