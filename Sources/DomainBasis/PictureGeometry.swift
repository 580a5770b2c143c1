import Basics

/// A point of a picture, y downwards.
struct Point {
    var x: Double
    var y: Double
}

/// The plane of the first two principal components, as a square of a picture. Each has its own scale, for texts and
/// axes alike.
struct Plane {
    let origin: Point
    private let square: (left: Double, top: Double, size: Double)
    private let scales: [Double]
    private let axisLength: Double

    /// Shows all but the outermost hundredth of the texts; what lies beyond is drawn on the edge.
    init(_ space: DomainSpace, left: Double, top: Double, size: Double) {
        square = (left, top, size)
        origin = Point(x: left + size / 2, y: top + size / 2)
        let scales = [0, 1].map { index in
            let reach = space.coordinates.joined().map { abs(Self.entry($0, index)) }.sorted()
            let shown = reach.isEmpty ? 0 : reach[min(reach.count - 1, reach.count * 99 / 100)]
            return shown > 0 ? 0.47 * size / shown : 0
        }
        self.scales = scales
        let longest = space.axes.map { hypot(scales[0] * Self.entry($0, 0), scales[1] * Self.entry($0, 1)) }.max() ?? 0
        axisLength = longest > 0 ? 0.4 * size / longest : 0
    }

    private static func entry(_ vector: [Double], _ index: Int) -> Double {
        index < vector.count ? vector[index] : 0
    }

    /// Where a text lies.
    func place(_ coordinates: [Double]) -> Point {
        func offset(_ index: Int) -> Double {
            min(max(scales[index] * Self.entry(coordinates, index), -0.49 * square.size), 0.49 * square.size)
        }
        return Point(x: origin.x + offset(0), y: origin.y - offset(1))
    }

    /// Where an axis's arrow ends. All have one scale: a short arrow is an axis that points out of the plane.
    func tip(_ axis: [Double]) -> Point {
        Point(
            x: origin.x + axisLength * scales[0] * Self.entry(axis, 0),
            y: origin.y - axisLength * scales[1] * Self.entry(axis, 1))
    }

    /// Beyond each tip, moved up or down until no label covers another that came before it.
    func labelPositions(_ tips: [Point], _ labels: [String]) -> [Point] {
        var placed: [(position: Point, width: Double)] = []
        for (tip, label) in zip(tips, labels) {
            let width = Double(label.count) * 7.8 + 18
            let length = max(hypot(tip.x - origin.x, tip.y - origin.y), 1e-9)
            let (ux, uy) = ((tip.x - origin.x) / length, (tip.y - origin.y) / length)
            let (low, high) = (square.left + width / 2 + 2, square.left + square.size - width / 2 - 2)
            let x = min(max(tip.x + ux * (width / 2 + 4), low), max(low, high))
            let wanted = tip.y + 4 + uy * 12
            let steps = (0..<40).flatMap { [Double($0) * 4, -Double($0) * 4] }
            let y =
                steps.map { wanted + $0 }.first { y in
                    y > square.top + 14 && y < square.top + square.size - 6
                        && placed.allSatisfy { other in
                            abs(other.position.y - y) >= 15 || abs(other.position.x - x) >= (other.width + width) / 2
                        }
                } ?? wanted
            placed.append((Point(x: x, y: y), width))
        }
        return placed.map(\.position)
    }
}

/// A number with at most one decimal, as short as it can be.
func number(_ value: Double) -> String {
    let text = formatted("%.1f", value)
    let short = text.hasSuffix(".0") ? String(text.dropLast(2)) : text
    return short == "-0" ? "0" : short
}
