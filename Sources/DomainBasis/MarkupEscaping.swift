/// Text for XML and HTML: characters that mean something to them as entities, and those that XML cannot hold as
/// replacement characters.
///
/// - Parameter keepsWhitespace: leave tabs and line feeds, and drop carriage returns; they are replaced otherwise.
package func escaped(_ text: String, keepsWhitespace: Bool = false) -> String {
    var result = ""
    result.reserveCapacity(text.utf8.count)
    for scalar in text.unicodeScalars {
        switch scalar {
        case "&": result += "&amp;"
        case "<": result += "&lt;"
        case ">": result += "&gt;"
        case "\"": result += "&quot;"
        case "'": result += "&#39;"
        case "\r" where keepsWhitespace: break
        case "\t" where keepsWhitespace, "\n" where keepsWhitespace: result.unicodeScalars.append(scalar)
        case "\u{0}"..."\u{1F}", "\u{7F}"..."\u{9F}", "\u{FFFE}"..."\u{FFFF}": result += "\u{FFFD}"
        default: result.unicodeScalars.append(scalar)
        }
    }
    return result
}
