import Foundation
import Testing

/// The kernels for Arm on a processor that is not one: cross-compiled and run under an emulator. On an Arm
/// processor the suites beside this one test them directly.
@Suite(
    .enabled(
        if: ArmEmulation.isInstalled,
        "needs clang, qemu-aarch64 and aarch64-linux-gnu-gcc with its C library (qemu-user, gcc-aarch64-linux-gnu)"))
struct ArmKernelTests {
    /// `arm_driver/compare.c` holds each instruction set to the portable kernels, and those to double precision.
    @Test func everyInstructionSetAgreesWithThePortableKernels() throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "ArmKernelTests-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let program = try ArmEmulation.buildDriver(in: folder)
        for (processor, expected) in [
            ("max", ["neon-i8mm", "neon-dotprod", "portable"]),
            ("neoverse-n1", ["neon-dotprod", "portable"]),
            ("cortex-a72", ["portable"]),
        ] {
            let run = try ArmEmulation.start("qemu-aarch64", ["-cpu", processor, program]).finish()
            #expect(run.status == 0, "on \(processor): \(run.output)")
            #expect(run.output.split(separator: "\n").map(String.init) == expected)
        }
    }
}

/// The cross-compiler and the emulator.
enum ArmEmulation {
    static let isInstalled =
        ["clang", "qemu-aarch64", "aarch64-linux-gnu-gcc"].allSatisfy { path(of: $0) != nil }
        && FileManager.default.fileExists(atPath: headers)

    private static let headers = "/usr/aarch64-linux-gnu/include"

    private static func path(of tool: String) -> String? {
        let folders = ProcessInfo.processInfo.environment["PATH"]?.split(separator: ":") ?? []
        return folders.map { "\($0)/\(tool)" }.first { FileManager.default.isExecutableFile(atPath: $0) }
    }

    /// Compiles the kernels and the driver with clang, whose vector types they are written in, and links them
    /// with the cross-compiler, which knows where the C library is.
    static func buildDriver(in folder: URL) throws -> String {
        let tests = URL(filePath: #filePath).deletingLastPathComponent()
        let kernels = tests.appending(path: "../../Sources/CKernels").standardizedFileURL
        let sources =
            try FileManager.default.contentsOfDirectory(at: kernels, includingPropertiesForKeys: nil)
            .filter { $0.pathExtension == "c" } + [tests.appending(path: "arm_driver/compare.c")]
        let objects = sources.map { folder.appending(path: "\($0.lastPathComponent).o").path }
        let compilers = try zip(sources, objects).map { source, object in
            try start(
                "clang",
                [
                    "--target=aarch64-linux-gnu", "-isystem", headers, "-I", kernels.appending(path: "include").path,
                    "-O2", "-Wall", "-Wextra", "-Werror", "-c", source.path, "-o", object,
                ])
        }
        for compiler in compilers { try compiler.finishSuccessfully() }
        let program = folder.appending(path: "compare").path
        try start("aarch64-linux-gnu-gcc", ["-static", "-pthread", "-o", program] + objects + ["-lm"])
            .finishSuccessfully()
        return program
    }

    struct RunningTool {
        let process: Process
        let pipe: Pipe

        /// What it printed, and its exit status.
        func finish() -> (status: Int32, output: String) {
            let output = pipe.fileHandleForReading.readDataToEndOfFile()
            process.waitUntilExit()
            return (process.terminationStatus, String(decoding: output, as: UTF8.self))
        }

        func finishSuccessfully() throws {
            let (status, output) = finish()
            try #require(status == 0, "\(output)")
        }
    }

    static func start(_ tool: String, _ arguments: [String]) throws -> RunningTool {
        let process = Process(), pipe = Pipe()
        process.executableURL = URL(filePath: try #require(path(of: tool)))
        process.arguments = arguments
        process.standardOutput = pipe
        process.standardError = pipe
        try process.run()
        return RunningTool(process: process, pipe: pipe)
    }
}
