/// Rows of text; the first columns are names and stand to the left, the others numbers.
struct DataTable {
    var columns: [String]
    var names: Int
    /// Each as long as `columns`.
    var rows: [[String]]

    var html: Markup {
        func cell(_ element: Markup, _ column: Int, _ text: String) -> Markup {
            let kind: Markup = column < names ? " class=\"name\"" : .empty
            return "<\(element)\(kind)>\(text)</\(element)>"
        }
        let header = columns.enumerated().map { cell("th", $0, $1) }
        let body: [Markup] = rows.map { row in "<tr>\(row.enumerated().map { cell("td", $0, $1) })</tr>\n" }
        return """
            <div class="scroll"><table><thead><tr>\(header)</tr></thead><tbody>
            \(body)</tbody></table></div>
            """
    }

    /// Closed until a reader asks for it.
    var details: Markup { "<details><summary>The numbers</summary>\(html)</details>" }
}
