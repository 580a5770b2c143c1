/// A figure: panels side by side, with a legend, a caption and the numbers behind it.
struct ReportFigure {
    var title: String
    var caption: Markup
    var legend = Markup.empty
    var panels: [Markup]
    /// Whether each panel takes the page's whole width.
    var isWide = false
    var data: DataTable?

    /// Columns that leave no panel alone in its row.
    private var layout: Markup {
        if isWide { return " wide" }
        return panels.count % 2 == 0 && panels.count % 3 != 0 ? " pairs" : .empty
    }

    func html(number: Int) -> Markup {
        """
        <figure id="figure-\(number)">
        \(legend)
        <div class="panels\(layout)">\(panels.map { "<div>\($0)</div>" as Markup })</div>
        <figcaption><b>Figure \(number). \(title).</b> \(caption)</figcaption>
        \(data.map(\.details) ?? .empty)
        </figure>

        """
    }
}

/// A section of the page; what cannot be shown is named with the way to get it.
struct ReportSection {
    /// The anchor.
    var name: String
    var title: String
    var introduction = Markup.empty
    var figures: [ReportFigure] = []
    var absent: [Markup] = []
}
