/// How a line is told from the others: by colour, by the shape of its marks, and by being dashed.
struct SeriesStyle: Equatable {
    /// Colours that readers of all kinds of colour vision tell apart (Okabe and Ito, 2008).
    static let colours = 6

    let index: Int
    var isDashed = false

    var name: String { "s\(index % Self.colours)" }
    var classes: String { isDashed ? name + " dashed" : name }

    /// A circle, a square, a triangle or a diamond; hollow on a dashed line.
    func mark(x: Double, y: Double, note: String? = nil) -> Markup {
        let outline: Markup =
            switch index % 4 {
            case 0: "M\(x - 3.5) \(y)a3.5 3.5 0 1 0 7 0a3.5 3.5 0 1 0 -7 0Z"
            case 1: "M\(x - 3.2) \(y - 3.2)h6.4v6.4h-6.4Z"
            case 2: "M\(x) \(y - 4.2)l4.2 7.4h-8.4Z"
            default: "M\(x) \(y - 4.6)l4.6 4.6l-4.6 4.6l-4.6 -4.6Z"
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
