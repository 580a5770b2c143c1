import Basics
import Foundation
import TestSupport
import Testing

@Suite struct CombiningMarksTests {
    /// Written out, escaped as JSON has it, and both; in the first plane of Unicode and beyond.
    @Test(arguments: ["\u{301}", "\\u0301", "\u{1d165}", "\\ud834\\udd65", "\u{301}\\u0323", "\u{5b0}"])
    func longRunsAreFound(marks: String) {
        func text(_ count: Int) -> Data { Data("x\(String(repeating: marks, count: count))y".utf8) }
        #expect(CombiningMarks.areTooMany(in: text(101)))
        #expect(!CombiningMarks.areTooMany(in: text(50)))
    }

    @Test func otherTextIsNotOne() {
        for text in [
            String(repeating: "e\u{301}", count: 1000), String(repeating: "\u{4e2d}", count: 1000),
            String(repeating: "\\u4e2d", count: 1000), String(repeating: "\\\\u0301", count: 1000), "",
        ] {
            #expect(!CombiningMarks.areTooMany(in: Data(text.utf8)))
        }
        #expect(!CombiningMarks.areTooMany(in: [UInt8](repeating: 0xcc, count: 1000)))
    }

    @Test func longRunsAreShortened() {
        let marks = String(repeating: "\u{301}", count: 99)
        #expect(CombiningMarks.shortened("x\(marks)\(marks)y\(marks)") == "x\(marks)\u{301}y\(marks)")
        #expect(CombiningMarks.shortened("x\(marks)") == "x\(marks)")
    }
}

@Suite struct LineReaderTests {
    /// What `bytes` are as lines, where they come in pieces of so many.
    private func lines(_ bytes: [UInt8], piece: Int) throws -> [String] {
        // A reader that refuses a line leaves the writer behind.
        signal(SIGPIPE, SIG_IGN)
        var ends: [Int32] = [0, 0]
        #expect(pipe(&ends) == 0)
        let (output, input) = (ends[0], ends[1])
        defer { close(output) }
        Thread.detachNewThread {
            for start in stride(from: 0, to: bytes.count, by: piece) {
                _ = Array(bytes[start..<min(start + piece, bytes.count)]).withUnsafeBytes {
                    write(input, $0.baseAddress, $0.count)
                }
            }
            close(input)
        }
        var reader = LineReader(output)
        var lines: [String] = []
        while let line = try reader.next() { lines.append(line) }
        return lines
    }

    @Test(arguments: [1, 2, 3, 7, 100])
    func linesComeWhole(piece: Int) throws {
        #expect(
            try lines(Array("\u{FEFF}one\r\ntwo \u{e9}\n\n\u{FEFF}last".utf8), piece: piece)
                == ["one", "two \u{e9}", "", "\u{FEFF}last"])
        #expect(try lines([], piece: piece) == [])
        #expect(try lines(Array("\n".utf8), piece: piece) == [""])
    }

    @Test func whatIsNoLineIsRefused() throws {
        #expect(throws: SystemError.self) { try lines([0x61, 0xff, 0x0a], piece: 3) }
        #expect(throws: SystemError.self) { try lines(Array(repeating: 0x61, count: 17 << 20), piece: 1 << 16) }
        #expect(throws: SystemError.self) {
            try lines(Array(("a" + String(repeating: "\u{301}", count: 200)).utf8), piece: 1000)
        }
    }
}

@Suite struct InputFileTests {
    /// Opening a pipe would wait for somebody to write into it.
    @Test func pipesAreNoFilesOfOurs() throws {
        try Fixtures.withTemporaryDirectory { folder in
            let pipe = folder.appending(path: "pipe")
            #expect(mkfifo(pipe.path, 0o600) == 0)
            #expect(throws: SystemError.self) { try InputFile.contentsIfPresent(of: pipe) }
        }
    }

    @Test func linesAreNumberedFromOne() {
        let lines = Array(JSONLines.lines(of: Data("a\n\n \t\r\nb\r\nc".utf8)))
        #expect(lines.map(\.number) == [1, 4, 5])
        #expect(lines.map { String(decoding: $0.text, as: UTF8.self) } == ["a", "b\r", "c"])
        #expect(JSONLines.lines(of: Data()).map(\.number).isEmpty)
        #expect(JSONLines.lines(of: Data("x\ny\n".utf8).dropFirst(2)).map(\.number) == [1])
    }
}
