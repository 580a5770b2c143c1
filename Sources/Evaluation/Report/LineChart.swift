/// Lines over two axes, with bands around them: one panel of a figure.
struct LineChart {
    struct Point {
        let x: Double
        let y: Double
        /// What the band covers at this point; nil for none.
        var band: ClosedRange<Double>?
        /// Shown when the pointer rests on the mark.
        let note: String
    }

    struct Series {
        let name: String
        let style: SeriesStyle
        /// Ascending in x.
        let points: [Point]
    }

    /// A horizontal line to compare with.
    struct Reference {
        let y: Double
        let label: String
    }

    var title: String
    var xLabel: String
    var yLabel: String
    var series: [Series]
    /// What the axes must cover besides the series and their bands.
    var xRange: ClosedRange<Double>?
    var yRange: ClosedRange<Double>?
    var reference: Reference?
    /// Marks on lines of many points only clutter.
    var marksPoints = true

    private static let size = (width: 340.0, height: 206.0)
    private static let plot = (left: 50.0, right: 328.0, top: 8.0, bottom: 164.0)

    /// All that the axes cover; nil where there is nothing.
    private var xCover: ClosedRange<Double>? {
        Self.cover(series.flatMap { $0.points.map(\.x) } + [xRange?.lowerBound, xRange?.upperBound].compactMap(\.self))
    }

    private var yCover: ClosedRange<Double>? {
        let points = series.flatMap(\.points)
        let bands = points.compactMap(\.band)
        return Self.cover(
            points.map(\.y) + bands.map(\.lowerBound) + bands.map(\.upperBound)
                + [yRange?.lowerBound, yRange?.upperBound].compactMap(\.self))
    }

    private static func cover(_ values: [Double]) -> ClosedRange<Double>? {
        guard let low = values.min(), let high = values.max() else { return nil }
        return low...high
    }

    /// The same charts with the same axes, so that panels can be compared.
    static func sharingAxes(_ charts: [LineChart]) -> [LineChart] {
        let x = cover(charts.compactMap(\.xCover).flatMap { [$0.lowerBound, $0.upperBound] })
        let y = cover(charts.compactMap(\.yCover).flatMap { [$0.lowerBound, $0.upperBound] })
        return charts.map { chart in
            var chart = chart
            chart.xRange = x
            chart.yRange = y
            return chart
        }
    }

    /// The title and the drawing under it.
    var panel: Markup {
        let plot = Self.plot
        let x = Axis(covering: xCover ?? 0...1, from: plot.left, to: plot.right)
        let y = Axis(covering: yCover ?? 0...1, from: plot.bottom, to: plot.top, steps: 4)
        return """
            <p class="panel-title">\(title)</p>
            <svg viewBox="0 0 \(Self.size.width) \(Self.size.height)" role="img" aria-label="\(description)">
            \(grid(x, y))
            \(series.map { band($0, x, y) })
            \(referenceLine(y))
            \(series.map { line($0, x, y) })
            </svg>
            """
    }

    private var description: String {
        "\(title): \(yLabel) against \(xLabel) for \(series.map(\.name).joined(separator: ", "))"
    }

    private func grid(_ x: Axis, _ y: Axis) -> Markup {
        let plot = Self.plot
        let rows: [Markup] = y.ticks.map { tick in
            let at = y.position(tick)
            return """
                <path class="grid" d="M\(plot.left) \(at)H\(plot.right)"/>\
                <text class="tick" x="\(plot.left - 6)" y="\(at + 3.5)" text-anchor="end">\(y.label(tick))</text>
                """
        }
        let columns: [Markup] = x.ticks.map { tick in
            let at = x.position(tick)
            return """
                <path class="axis" d="M\(at) \(plot.bottom)v4"/>\
                <text class="tick" x="\(at)" y="\(plot.bottom + 16)" text-anchor="middle">\(x.label(tick))</text>
                """
        }
        let (centre, middle) = ((plot.left + plot.right) / 2, (plot.top + plot.bottom) / 2)
        return """
            \(rows)\(columns)<path class="axis" d="M\(plot.left) \(plot.bottom)H\(plot.right)"/>
            <text class="label" x="\(centre)" y="\(plot.bottom + 34)" text-anchor="middle">\(xLabel)</text>
            <text class="label" transform="translate(12 \(middle)) rotate(-90)" text-anchor="middle">\(yLabel)</text>
            """
    }

    private func band(_ series: Series, _ x: Axis, _ y: Axis) -> Markup {
        let banded = series.points.compactMap { point in
            point.band.map { (x: x.position(point.x), low: y.position($0.lowerBound), high: y.position($0.upperBound)) }
        }
        guard let first = banded.first else { return .empty }
        if banded.count == 1 {
            return """
                <path class="whisker \(series.style.name)" d="M\(first.x) \(first.low)V\(first.high)"/>
                """
        }
        let there: [Markup] = banded.dropFirst().map { "L\($0.x) \($0.high)" }
        let back: [Markup] = banded.reversed().map { "L\($0.x) \($0.low)" }
        return """
            <path class="band \(series.style.name)" d="M\(first.x) \(first.high)\(there)\(back)Z"/>
            """
    }

    private func referenceLine(_ y: Axis) -> Markup {
        guard let reference else { return .empty }
        let at = y.position(reference.y)
        return """
            <path class="reference" d="M\(Self.plot.left) \(at)H\(Self.plot.right)"/>\
            <text class="tick" x="\(Self.plot.right)" y="\(at - 5)" text-anchor="end">\(reference.label)</text>
            """
    }

    private func line(_ series: Series, _ x: Axis, _ y: Axis) -> Markup {
        guard let first = series.points.first else { return .empty }
        let rest: [Markup] = series.points.dropFirst().map { "L\(x.position($0.x)) \(y.position($0.y))" }
        let marks: [Markup] = series.points.map { point in
            let (px, py) = (x.position(point.x), y.position(point.y))
            // A target to point at, where there is no visible mark.
            return marksPoints
                ? series.style.mark(x: px, y: py, note: point.note)
                : "<circle class=\"target\" cx=\"\(px)\" cy=\"\(py)\" r=\"5\"><title>\(point.note)</title></circle>"
        }
        return """
            <path class="line \(series.style.classes)" d="M\(x.position(first.x)) \(y.position(first.y))\(rest)"/>
            \(marks)
            """
    }
}
