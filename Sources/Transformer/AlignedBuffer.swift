import Foundation

/// Numbers in memory of their own, aligned for vector instructions and zero at first.
final class AlignedBuffer<Element: BitwiseCopyable>: @unchecked Sendable {
    let pointer: UnsafeMutablePointer<Element>
    let count: Int

    init(count: Int, for purpose: String) throws(DecoderError) {
        var memory: UnsafeMutableRawPointer?
        let (bytes, overflow) = max(count, 1).multipliedReportingOverflow(by: MemoryLayout<Element>.stride)
        guard !overflow, posix_memalign(&memory, 64, bytes) == 0, let memory else { throw .outOfMemory(purpose) }
        memset(memory, 0, bytes)
        pointer = memory.bindMemory(to: Element.self, capacity: max(count, 1))
        self.count = count
    }

    convenience init(_ elements: [Element], for purpose: String) throws(DecoderError) {
        try self.init(count: elements.count, for: purpose)
        for (index, element) in elements.enumerated() { pointer[index] = element }
    }

    var array: [Element] { Array(UnsafeBufferPointer(start: pointer, count: count)) }

    deinit { free(pointer) }
}
