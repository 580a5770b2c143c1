import Basics

/// Numbers in memory of their own, aligned for vector instructions and zero at first. Memory that is never written
/// takes no room where the system hands out zero pages as they are used. Large ones come from the system and go back to
/// it: the C library would keep what a growing cache leaves behind.
final class AlignedBuffer<Element: BitwiseCopyable>: @unchecked Sendable {
    private static var alignment: Int { 64 }
    /// From how many bytes on a buffer comes from the system.
    private static var large: Int { 1 << 17 }

    let pointer: UnsafeMutablePointer<Element>
    let count: Int
    private let memory: UnsafeMutableRawPointer
    /// What is mapped; 0 where the C library gave it.
    private let mappedBytes: Int

    init(count: Int, for purpose: String) throws(DecoderError) {
        let (bytes, overflow) = max(count, 1).multipliedReportingOverflow(by: MemoryLayout<Element>.stride)
        guard !overflow, bytes <= Int.max - Self.alignment else { throw .outOfMemory(purpose) }
        if bytes >= Self.large {
            guard let mapped = mmap(nil, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANON, -1, 0),
                mapped != MAP_FAILED
            else { throw .outOfMemory(purpose) }
            (memory, mappedBytes) = (mapped, bytes)
        } else {
            guard let memory = calloc(1, bytes + Self.alignment) else { throw .outOfMemory(purpose) }
            (self.memory, mappedBytes) = (memory, 0)
        }
        pointer = memory.alignedUp(toMultipleOf: Self.alignment)
            .bindMemory(to: Element.self, capacity: max(count, 1))
        self.count = count
    }

    convenience init(_ elements: [Element], for purpose: String) throws(DecoderError) {
        try self.init(count: elements.count, for: purpose)
        for (index, element) in elements.enumerated() { pointer[index] = element }
    }

    var array: [Element] { Array(UnsafeBufferPointer(start: pointer, count: count)) }

    deinit {
        if mappedBytes > 0 {
            munmap(memory, mappedBytes)
        } else {
            free(memory)
        }
    }
}
