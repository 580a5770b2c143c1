import CKernels

/// Memory for packed weights, handed out in order from large slabs, so that all of it lies in huge pages where the
/// system has them: a walk through a layer then crosses few page boundaries.
///
/// Memory is freed with the arena. It belongs to one loader at a time. What is never written takes no room where the
/// system hands out pages as they are used, so the first slab is made for all of a file's weights.
final class WeightArena {
    private static let smallestSlab = 32 << 20
    private static let alignment = 64
    /// How much larger than in its file a matrix may be, and by how much all together may be larger than that.
    private static let mostGrowth = 8
    private static let alwaysAllowed = 8 << 20

    private var slabs: [UnsafeMutablePointer<UInt8>] = []
    private var free = 0
    private var next: UnsafeMutablePointer<UInt8>?
    private let firstSlab: Int
    private var beyondGrowth = 0

    /// - Parameter bytes: of the weights in their file; packed they take fewer, or up to a fourteenth more.
    init(expecting bytes: Int) { firstSlab = bytes + bytes / 14 }

    /// Counts what a matrix takes beyond what may be of the bytes of its source; whether there was room for that,
    /// beside what those before it took.
    func reserveGrowth(to bytes: Int, from source: Int) -> Bool {
        beyondGrowth += max(0, bytes - Self.mostGrowth * source)
        return beyondGrowth <= Self.alwaysAllowed
    }

    /// 64-byte aligned memory, or nil where there is none.
    func allocate(_ bytes: Int) -> UnsafeMutablePointer<UInt8>? {
        let rounded = (bytes + Self.alignment - 1) / Self.alignment * Self.alignment
        if rounded > free {
            let size = max(rounded, slabs.isEmpty ? firstSlab : 0, Self.smallestSlab)
            guard let slab = sp_tiles_allocate(size) else { return nil }
            slabs.append(slab)
            (next, free) = (slab, size)
        }
        defer {
            next = next.map { $0 + rounded }
            free -= rounded
        }
        return next
    }

    deinit {
        for slab in slabs { sp_tiles_free(slab) }
    }
}
