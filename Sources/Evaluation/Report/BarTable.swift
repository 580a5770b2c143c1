/// A table whose numbers are bars as well: a row for each subject, a column for each share.
struct BarTable {
    struct Row {
        let name: String
        /// Shown when the pointer rests on the name.
        let note: String
        /// Each in [0, 1], as many as there are columns.
        let shares: [Double]
        /// What stands behind the bars.
        let trailing: String
        var isTotal = false
    }

    var subject: String
    var columns: [String]
    var trailing: String
    var rows: [Row]

    var html: Markup {
        let header: [Markup] = columns.map { "<th scope=\"col\" class=\"share\">\($0)</th>" }
        let body: [Markup] = rows.map { row in
            let cells: [Markup] = zip(columns, row.shares).map { column, share in
                """
                <td class="share"><svg class="bar" viewBox="0 0 100 10" preserveAspectRatio="none" role="img" \
                aria-label="\(column) \(NumberText.percent(share))"><rect class="track" width="100" height="10"/>\
                <rect class="fill" width="\(100 * min(max(share, 0), 1))" height="10"/></svg>\
                <span>\(NumberText.fixed(share, 2))</span></td>
                """
            }
            return """
                <tr\(row.isTotal ? " class=\"total\"" as Markup : .empty)>\
                <th scope="row" title="\(row.note)">\(row.name)</th>\(cells)<td>\(row.trailing)</td></tr>

                """
        }
        return """
            <div class="scroll"><table class="bars"><thead><tr><th scope="col">\(subject)</th>\(header)\
            <th scope="col">\(trailing)</th></tr></thead><tbody>
            \(body)</tbody></table></div>
            """
    }
}
