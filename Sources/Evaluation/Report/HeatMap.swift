/// Layers by heads, each cell in one of several shades: one panel of a figure.
struct HeatMap {
    /// Shades from the least to the most, `shade0` to `shade9` in the style sheet.
    static let shades = 10

    struct Cell {
        /// Below ``HeatMap/shades``.
        let shade: Int
        /// Shown when the pointer rests on the cell.
        let note: String
        /// Whether it has a mark in its middle.
        var isMarked = false
    }

    var title: String
    /// `[layers][heads]`
    var cells: [[Cell]]

    private static let width = 340.0
    private static let plot = (left: 34.0, right: 332.0, top: 2.0)

    /// The title and the drawing under it.
    var panel: Markup {
        let plot = Self.plot
        let heads = cells.map(\.count).max() ?? 0
        let width = (plot.right - plot.left) / Double(max(1, cells.count))
        let height = min(max(width, 4), 14)
        // Between small cells a gap would be most of the picture.
        let gap = width >= 6 ? 1.0 : 0
        let bottom = plot.top + height * Double(heads)
        let drawn: [Markup] = cells.enumerated().map { layer, column in
            let x = plot.left + width * Double(layer)
            let marks: [Markup] = column.enumerated().map { head, cell in
                let y = plot.top + height * Double(head)
                let (w, h) = (width - gap, height - gap)
                let dot: Markup =
                    cell.isMarked
                    ? "<circle class=\"dot\" cx=\"\(x + w / 2)\" cy=\"\(y + h / 2)\" r=\"\(min(w, h) / 5)\"/>" : .empty
                return """
                    <path class="shade\(cell.shade)" d="M\(x) \(y)h\(w)v\(h)h\(-w)z"><title>\(cell.note)</title></path>\
                    \(dot)
                    """
            }
            return "\(marks)\n"
        }
        return """
            <p class="panel-title">\(title)</p>
            <svg viewBox="0 0 \(Self.width) \(bottom + 36)" role="img" aria-label="\(title): layers by heads">
            \(drawn)\(labels(width, height, heads, bottom))
            </svg>
            """
    }

    private func labels(_ width: Double, _ height: Double, _ heads: Int, _ bottom: Double) -> Markup {
        let plot = Self.plot
        let columns: [Markup] = Self.ticks(cells.count, spacing: width, atLeast: 24).map { layer in
            let x = plot.left + width * (Double(layer) + 0.5)
            return "<text class=\"tick\" x=\"\(x)\" y=\"\(bottom + 13)\" text-anchor=\"middle\">\(layer)</text>"
        }
        let rows: [Markup] = Self.ticks(heads, spacing: height, atLeast: 18).map { head in
            let y = plot.top + height * (Double(head) + 0.5) + 3.5
            return "<text class=\"tick\" x=\"\(plot.left - 5)\" y=\"\(y)\" text-anchor=\"end\">\(head)</text>"
        }
        let (centre, middle) = ((plot.left + plot.right) / 2, (plot.top + bottom) / 2)
        return """
            \(columns)\(rows)
            <text class="label" x="\(centre)" y="\(bottom + 29)" text-anchor="middle">layer</text>
            <text class="label" transform="translate(10 \(middle)) rotate(-90)" text-anchor="middle">head</text>
            """
    }

    /// Every index, or every second, fifth or tenth, so that labels do not touch.
    private static func ticks(_ count: Int, spacing: Double, atLeast room: Double) -> [Int] {
        let step = [1, 2, 5, 10, 20, 50].first { Double($0) * spacing >= room } ?? 100
        return Array(stride(from: 0, to: count, by: step))
    }

    /// The shades with their meanings, from the least to the most.
    static func legend(_ entries: [(shade: Int, text: String)], marked: String? = nil) -> Markup {
        func swatch(_ shade: Int, _ dot: Markup) -> Markup {
            """
            <svg class="swatch cell" viewBox="0 0 14 14" aria-hidden="true"><rect class="shade\(shade)" width="14" \
            height="14"/>\(dot)</svg>
            """
        }
        let items: [Markup] = entries.map { "<li>\(swatch($0.shade, .empty))\($0.text)</li>" }
        let dotted: Markup =
            marked.map {
                "<li>\(swatch(Self.shades - 1, "<circle class=\"dot\" cx=\"7\" cy=\"7\" r=\"2.8\"/>"))\($0)</li>"
            } ?? .empty
        return "<ul class=\"legend\">\(items)\(dotted)</ul>"
    }
}

/// Values in as many classes as a heat map has shades, each with the same number of them: shades show ranks, which is
/// what pruning goes by, whatever the values' distribution.
package struct RankScale {
    /// The smallest value of each class but the first.
    private let bounds: [Double]
    let smallest: Double
    let largest: Double

    package init(_ values: [Double]) {
        let sorted = values.sorted()
        smallest = sorted.first ?? 0
        largest = sorted.last ?? 0
        bounds = sorted.isEmpty ? [] : (1..<HeatMap.shades).map { sorted[$0 * sorted.count / HeatMap.shades] }
    }

    package func shade(_ value: Double) -> Int { bounds.count { value >= $0 } }

    /// A bar of all shades with the classes' bounds under it.
    func legend(_ unit: String) -> Markup {
        let (left, step) = (20.0, 40.0)
        let swatches: [Markup] = (0..<HeatMap.shades).map { shade in
            "<rect class=\"shade\(shade)\" x=\"\(left + step * Double(shade))\" y=\"0\" width=\"\(step)\" height=\"10\"/>"
        }
        let edges = [smallest] + bounds + [largest]
        let labels: [Markup] = edges.enumerated().map { index, value in
            let x = left + step * Double(index)
            return "<text class=\"tick\" x=\"\(x)\" y=\"22\" text-anchor=\"middle\">\(NumberText.short(value))</text>"
        }
        return """
            <div class="scale"><span>\(unit)</span>\
            <svg viewBox="0 0 440 26" role="img" aria-label="\(unit), shades">\(swatches)\(labels)</svg></div>
            """
    }
}
