import Basics

/// A selection of domains as a picture in SVG: the orthogonality of all candidates, and their texts on the first two
/// principal components.
///
/// Chosen domains come first in the matrix, in a frame; in the projection they have a colour (Okabe and Ito's, which
/// survive colour blindness) and a shape of their own, and the others are grey. The picture brings its own light
/// ground, so that it reads the same on a light page and a dark one.
public struct DomainPicture {
    private let space: DomainSpace
    private let selection: DomainSelection
    /// Chosen candidates, then the others, each in the order of names.
    private let order: [Int]
    private let chosenCount: Int

    private static let panel = 640.0
    private static let margin = 28.0
    private static let top = 76.0
    private static let markRoom = 12.0
    private static let longestLabel = 24
    private static let ink = "#1f2430"
    private static let faint = "#5b6270"
    private static let colours = [
        "#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#6b3fa0", "#4d4d4d",
    ]

    public init(_ space: DomainSpace, _ selection: DomainSelection) {
        self.space = space
        self.selection = selection
        let chosen = selection.chosenIndices
        order = chosen + space.domains.indices.filter { !chosen.contains($0) }
        chosenCount = chosen.count
    }

    /// The whole picture, an SVG document.
    public var svg: String {
        let (width, height) = (2 * Self.panel + 3 * Self.margin, Self.panel + Self.top + 2 * Self.margin + 20)
        let projectionLeft = Self.panel + 2 * Self.margin
        let parts =
            [
                """
                <svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 \(number(width)) \(number(height))" \
                width="\(number(width))" height="\(number(height))" \
                font-family="system-ui, 'DejaVu Sans', sans-serif" font-size="13" fill="\(Self.ink)" role="img">
                <title>\(escaped(title))</title>
                <rect width="\(number(width))" height="\(number(height))" rx="12" fill="#ffffff" stroke="#c9ced6"/>
                """,
                text(title, x: Self.margin, y: 32, size: 17, weight: 600),
            ] + matrix(left: Self.margin) + projection(left: projectionLeft) + ["</svg>"]
        return parts.joined(separator: "\n") + "\n"
    }

    private var title: String {
        formatted(
            "%d of %d domains: separation %.3f, coverage %.3f", chosenCount, order.count,
            selection.separation, selection.coverage)
    }

    // MARK: - Matrix

    private func matrix(left: Double) -> [String] {
        let names = order.map { label($0) }
        let labels = min(Double(names.map(\.count).max() ?? 0) * 7.8 + 12 + Self.markRoom, Self.panel / 3)
        let cell = (Self.panel - labels) / Double(order.count)
        let (x0, y0) = (left + labels, Self.top + labels)
        let size = min(13, cell * 0.8)
        var parts = [text("Orthogonality of the axes, 1 - |cos|", x: left, y: 58, size: 14, weight: 600)]
        for (row, first) in order.enumerated() {
            let y = y0 + Double(row) * cell
            let centre = y + cell / 2 + size * 0.35
            parts.append(matrixLabel(row, x: x0 - 8, y: centre, size: size))
            let x = x0 + Double(row) * cell + cell / 2
            parts.append(
                "<g transform=\"translate(\(number(x + size * 0.35)) \(number(y0 - 8))) rotate(-90)\">"
                    + matrixLabel(row, x: 0, y: 0, size: size, anchor: "start") + "</g>")
            for (column, second) in order.enumerated() {
                parts.append(
                    cellMark(
                        first, second, x: x0 + Double(column) * cell, y: y, size: cell))
            }
        }
        let frame = number(Double(chosenCount) * cell)
        parts.append(
            "<rect x=\"\(number(x0))\" y=\"\(number(y0))\" width=\"\(frame)\" height=\"\(frame)\" fill=\"none\" "
                + "stroke=\"\(Self.ink)\" stroke-width=\"3\"/>")
        return parts + scale(left: left + labels, y: y0 + cell * Double(order.count) + 16)
    }

    /// A name, and a chosen domain's mark between it and the matrix.
    private func matrixLabel(_ row: Int, x: Double, y: Double, size: Double, anchor: String = "end") -> String {
        let isChosen = row < chosenCount
        let side = anchor == "end" ? -1.0 : 1
        let name = text(
            label(order[row]), x: x + side * Self.markRoom, y: y, size: size, weight: isChosen ? 700 : 400,
            fill: isChosen ? Self.ink : Self.faint, anchor: anchor)
        return isChosen ? name + legendMark(row, Point(x: x + side * 4, y: y - size * 0.35), size * 0.36) : name
    }

    private func legendMark(_ row: Int, _ centre: Point, _ radius: Double) -> String {
        "<path d=\"\(Self.mark(row, centre, radius))\" fill=\"\(colour(row))\" stroke=\"\(Self.ink)\" "
            + "stroke-width=\"0.7\"/>"
    }

    private func cellMark(_ first: Int, _ second: Int, x: Double, y: Double, size: Double) -> String {
        let names = "\(space.domains[first]), \(space.domains[second])"
        let box = "x=\"\(number(x))\" y=\"\(number(y))\" width=\"\(number(size))\" height=\"\(number(size))\""
        if first == second { return "<rect \(box) fill=\"#eceef1\" stroke=\"#ffffff\"/>" }
        let value = max(0, 1 - abs(dot(space.axes[first], space.axes[second])))
        let shown = formatted("%.2f", value)
        let rect =
            "<rect \(box) fill=\"\(Self.shade(value))\" stroke=\"#ffffff\"><title>\(escaped(names)): \(shown)</title></rect>"
        guard size >= 20 else { return rect }
        let letters = min(12, size * 0.36)
        return rect
            + text(
                shown.hasPrefix("0") ? String(shown.dropFirst()) : shown, x: x + size / 2,
                y: y + size / 2 + letters * 0.36, size: letters, fill: value > 0.55 ? "#ffffff" : Self.ink,
                anchor: "middle")
    }

    private func scale(left: Double, y: Double) -> [String] {
        let (steps, width) = (20, 8.0)
        let shades = (0..<steps).map { step in
            "<rect x=\"\(number(left + 84 + Double(step) * width))\" y=\"\(number(y))\" width=\"\(number(width + 0.5))\" "
                + "height=\"12\" fill=\"\(Self.shade((Double(step) + 0.5) / Double(steps)))\"/>"
        }
        let right = left + 84 + Double(steps) * width
        return [text("0, the same", x: left + 78, y: y + 10.5, size: 12, fill: Self.faint, anchor: "end")] + shades + [
            text("1, at right angles; in the frame: chosen", x: right + 6, y: y + 10.5, size: 12, fill: Self.faint)
        ]
    }

    /// From near white to dark blue: the order of the values is that of the lightness, with any sight and in print.
    private static func shade(_ value: Double) -> String {
        let stops: [(Double, Double, Double)] = [(242, 246, 250), (158, 202, 225), (49, 130, 189), (8, 48, 107)]
        let position = min(max(value, 0), 1) * Double(stops.count - 1)
        let index = min(Int(position), stops.count - 2)
        let (from, to, part) = (stops[index], stops[index + 1], position - Double(index))
        func mix(_ first: Double, _ second: Double) -> Int { Int((first + (second - first) * part).rounded()) }
        return formatted("#%02x%02x%02x", mix(from.0, to.0), mix(from.1, to.1), mix(from.2, to.2))
    }

    // MARK: - Projection

    private func projection(left: Double) -> [String] {
        let plane = Plane(space, left: left, top: Self.top, size: Self.panel)
        let shares = [0, 1].map { index -> String in
            let variances = space.components.variances
            return index < variances.count
                ? formatted("%.0f%%", 100 * variances[index] / space.components.totalVariance) : "0%"
        }
        var parts = [
            text("Texts and axes on the first two principal components", x: left, y: 58, size: 14, weight: 600),
            "<rect x=\"\(number(left))\" y=\"\(number(Self.top))\" width=\"\(number(Self.panel))\" "
                + "height=\"\(number(Self.panel))\" fill=\"#fbfcfd\" stroke=\"#d5d9e0\"/>",
        ]
        for row in order.indices.reversed() {
            let points = space.coordinates[order[row]].map(plane.place)
            let isChosen = row < chosenCount
            let marks = points.map { Self.mark(isChosen ? row : 0, $0, isChosen ? 3.2 : 1.8) }.joined()
            parts.append(
                "<path d=\"\(marks)\" fill=\"\(isChosen ? colour(row) : "#9aa1ac")\" "
                    + "fill-opacity=\"\(isChosen ? 0.62 : 0.5)\"><title>\(escaped(space.domains[order[row]]))</title></path>"
            )
        }
        let tips = order.map { plane.tip(space.axes[$0]) }
        for row in order.indices.reversed() { parts.append(arrow(row, from: plane.origin, to: tips[row])) }
        let positions = plane.labelPositions(tips, order.map { label($0) })
        for row in order.indices.reversed() {
            let isChosen = row < chosenCount
            let (x, y) = (positions[row].x, positions[row].y)
            let name = label(order[row])
            parts.append(
                text(
                    name, x: x + (isChosen ? Self.markRoom / 2 : 0), y: y, size: 13, weight: isChosen ? 700 : 400,
                    fill: isChosen ? Self.ink : Self.faint, anchor: "middle", hasHalo: true))
            if isChosen {
                parts.append(legendMark(row, Point(x: x - Double(name.count) * 3.9 - 2, y: y - 4.6), 4.4))
            }
        }
        parts.append(
            text(
                "across: \(shares[0]) of the variance, up: \(shares[1]), each to its own scale; arrows: axes; grey: not chosen",
                x: left,
                y: Self.top + Self.panel + 26, size: 12, fill: Self.faint))
        return parts
    }

    private func arrow(_ row: Int, from start: Point, to end: Point) -> String {
        let (dx, dy) = (end.x - start.x, end.y - start.y)
        let length = max((dx * dx + dy * dy).squareRoot(), 1e-9)
        let (ux, uy) = (dx / length, dy / length)
        let isChosen = row < chosenCount
        let head = min(isChosen ? 11 : 8, length / 2)
        let base = Point(x: end.x - head * ux, y: end.y - head * uy)
        let corners = [
            end, Point(x: base.x - head * 0.42 * uy, y: base.y + head * 0.42 * ux),
            Point(x: base.x + head * 0.42 * uy, y: base.y - head * 0.42 * ux),
        ]
        let outline = corners.map { "\(number($0.x)) \(number($0.y))" }.joined(separator: "L")
        let paint = isChosen ? colour(row) : Self.faint
        let line = "M\(number(start.x)) \(number(start.y))L\(number(base.x)) \(number(base.y))"
        return "<path d=\"\(line)\" stroke=\"#ffffff\" stroke-width=\"\(isChosen ? 5.5 : 3)\" fill=\"none\"/>"
            + "<path d=\"\(line)\" stroke=\"\(paint)\" stroke-width=\"\(isChosen ? 2.8 : 1.2)\" fill=\"none\"/>"
            + "<path d=\"M\(outline)Z\" fill=\"\(paint)\" stroke=\"#ffffff\" stroke-width=\"0.8\"/>"
    }

    /// One of four shapes, centred on a point, as part of a path.
    private static func mark(_ index: Int, _ point: Point, _ radius: Double) -> String {
        let (x, y, r) = (point.x, point.y, radius)
        switch index % 4 {
        case 0:
            let arc = "a\(number(r)) \(number(r)) 0 1 0"
            return "M\(number(x - r)) \(number(y))\(arc) \(number(2 * r)) 0\(arc) \(number(-2 * r)) 0z"
        case 1:
            return "M\(number(x - r)) \(number(y - r))h\(number(2 * r))v\(number(2 * r))h\(number(-2 * r))z"
        case 2:
            return "M\(number(x)) \(number(y - 1.3 * r))l\(number(1.25 * r)) \(number(2.2 * r))h\(number(-2.5 * r))z"
        default:
            let d = number(1.4 * r)
            return "M\(number(x)) \(number(y - 1.4 * r))l\(d) \(d)l-\(d) \(d)l-\(d) -\(d)z"
        }
    }

    // MARK: - Text

    private func colour(_ row: Int) -> String { Self.colours[row % Self.colours.count] }

    /// A name short enough for the picture, with what cannot be shown replaced.
    private func label(_ domain: Int) -> String {
        let name = space.domains[domain]
        return name.count > Self.longestLabel ? name.prefix(Self.longestLabel - 1) + "\u{2026}" : name
    }

    private func text(
        _ content: String, x: Double, y: Double, size: Double, weight: Int = 400, fill: String = ink,
        anchor: String = "start", hasHalo: Bool = false
    ) -> String {
        let halo =
            hasHalo ? " stroke=\"#fbfcfd\" stroke-width=\"3.5\" paint-order=\"stroke\" stroke-linejoin=\"round\"" : ""
        return "<text x=\"\(number(x))\" y=\"\(number(y))\" font-size=\"\(number(size))\" font-weight=\"\(weight)\" "
            + "fill=\"\(fill)\" text-anchor=\"\(anchor)\"\(halo)>\(escaped(content))</text>"
    }
}
