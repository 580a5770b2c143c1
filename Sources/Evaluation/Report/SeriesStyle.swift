/// How a line is told from the others: by colour, by the shape of its marks, and by being dashed.
struct SeriesStyle: Equatable {
    /// Colours that readers of all kinds of colour vision tell apart (Okabe and Ito, 2008).
    static let colours = 6

    let index: Int
    var isDashed = false

    var name: String { "s\(index % Self.colours)" }
    var classes: String { isDashed ? name + " dashed" : name }

    /// A circle, a square, a triangle or a diamond; hollow on a dashed line. Later ones are smaller, so that they do
    /// not hide those they lie on.
    func mark(x: Double, y: Double, note: String? = nil) -> Markup {
        let r = max(2.2, 4.2 - 0.6 * Double(index))
        let outline: Markup =
            switch index % 4 {
            case 0: "M\(x - r) \(y)a\(r) \(r) 0 1 0 \(2 * r) 0a\(r) \(r) 0 1 0 \(-2 * r) 0Z"
            case 1: "M\(x - r) \(y - r)h\(2 * r)v\(2 * r)h\(-2 * r)Z"
            case 2: "M\(x) \(y - 1.4 * r)l\(1.4 * r) \(2.4 * r)h\(-2.8 * r)Z"
            default: "M\(x) \(y - 1.5 * r)l\(1.5 * r) \(1.5 * r)l\(-1.5 * r) \(1.5 * r)l\(-1.5 * r) \(-1.5 * r)Z"
            }
        let title: Markup = note.map { "<title>\($0)</title>" } ?? .empty
        return "<path class=\"mark \(classes)\" d=\"\(outline)\">\(title)</path>"
    }

    /// A line and its mark with a name, for the legend above a figure's panels.
    func key(_ title: String, marked: Bool = true) -> Markup {
        """
        <li><svg class="swatch" viewBox="0 0 30 12" aria-hidden="true"><path class="line \(classes)" d="M1 6H29"/>\
        \(marked ? mark(x: 15, y: 6) : .empty)</svg>\(title)</li>
        """
    }
}
