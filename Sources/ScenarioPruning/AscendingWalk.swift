/// Elements taken in ascending order, of which only those are sorted whose order matters.
package enum AscendingWalk {
    /// So few are sorted at once.
    private static let shortest = 32
    /// How many elements tell where a part is divided.
    private static let sample = 15

    /// Offers ever smaller parts of `elements`, which it reorders, the lowest first.
    ///
    /// - Parameters:
    ///   - takesWhole: takes a part whose elements may be taken in any order, or says no and leaves them. All that
    ///     precede the part have been offered, and all others follow it.
    ///   - take: takes one element of a part that was not taken whole; false ends the walk.
    package static func run<Element: Comparable>(
        over elements: inout [Element], takesWhole: (UnsafeMutableBufferPointer<Element>) -> Bool,
        take: (Element) -> Bool
    ) {
        elements.withUnsafeMutableBufferPointer { elements in
            var parts = [0..<elements.count]
            while let range = parts.popLast() {
                var part = UnsafeMutableBufferPointer(rebasing: elements[range])
                if takesWhole(part) { continue }
                let count = range.count > shortest ? divide(part) : range.count
                guard count < range.count else {
                    part.sort()
                    for element in part where !take(element) { return }
                    continue
                }
                let middle = range.lowerBound + count
                parts.append(middle..<range.upperBound)
                parts.append(range.lowerBound..<middle)
            }
        }
    }

    /// Moves what is not above a middling element, itself among it, to the front.
    ///
    /// - Returns: how much that is: all of it, where too many are equal for any to be above.
    private static func divide<Element: Comparable>(_ part: UnsafeMutableBufferPointer<Element>) -> Int {
        let middling = (0..<sample).map { part[$0 * part.count / sample] }.sorted()[sample / 2]
        var part = part
        return part.partition { middling < $0 }
    }
}
