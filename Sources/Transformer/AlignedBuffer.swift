import Basics

/// Numbers in memory of their own, aligned for vector instructions and zero at first. Memory that is never written
/// takes no room where the system hands out zero pages as they are used.
final class AlignedBuffer<Element: BitwiseCopyable>: @unchecked Sendable {
    private static var alignment: Int { 64 }

    let pointer: UnsafeMutablePointer<Element>
    let count: Int
    private let memory: UnsafeMutableRawPointer

    init(count: Int, for purpose: String) throws(DecoderError) {
        let (bytes, overflow) = max(count, 1).multipliedReportingOverflow(by: MemoryLayout<Element>.stride)
        guard !overflow, bytes <= Int.max - Self.alignment, let memory = calloc(1, bytes + Self.alignment) else {
            throw .outOfMemory(purpose)
        }
        self.memory = memory
        pointer = memory.alignedUp(toMultipleOf: Self.alignment)
            .bindMemory(to: Element.self, capacity: max(count, 1))
        self.count = count
    }

    convenience init(_ elements: [Element], for purpose: String) throws(DecoderError) {
        try self.init(count: elements.count, for: purpose)
        for (index, element) in elements.enumerated() { pointer[index] = element }
    }

    var array: [Element] { Array(UnsafeBufferPointer(start: pointer, count: count)) }

    deinit { free(memory) }
}
