import DomainBasis
import Foundation
import Testing

#if canImport(FoundationXML)
    import FoundationXML
#endif

/// Collects what an XML document says.
private final class Reading: NSObject, XMLParserDelegate {
    var elements: [String: Int] = [:]
    var text = ""

    func parser(
        _ parser: XMLParser, didStartElement name: String, namespaceURI: String?, qualifiedName: String?,
        attributes: [String: String]
    ) {
        elements[name, default: 0] += 1
    }

    func parser(_ parser: XMLParser, foundCharacters string: String) { text += string }
}

@Suite struct DomainPictureTests {
    private func picture(_ names: [String], count: Int) throws -> String {
        let pools = names.enumerated().map { index, name in
            DomainSpaceTests.pool(name, corner: index, texts: 5, seed: UInt64(index), width: names.count + 1)
        }
        let space = try DomainSpace(pools)
        var options = DomainSelection.Options()
        options.count = count
        return DomainPicture(space, try DomainSelection(space, options)).svg
    }

    private func read(_ svg: String) -> Reading? {
        let reading = Reading()
        let parser = XMLParser(data: Data(svg.utf8))
        parser.delegate = reading
        return parser.parse() ? reading : nil
    }

    @Test func everyDomainIsShownTwice() throws {
        let names = ["acids", "bonds", "courts", "drums"]
        let reading = try #require(read(try picture(names, count: 2)))
        for name in names { #expect(reading.text.components(separatedBy: name).count > 3, "\(name)") }
        #expect(reading.text.contains("2 of 4 domains"))
        #expect(try picture(names, count: 2) == picture(names, count: 2))
    }

    @Test func namesCannotBreakThePicture() throws {
        let names = [
            "</text><script>alert(1)</script>", "\" onload=\"x", "a & b <", "']]>--", "nul\u{0}bell\u{7}\u{1B}[31m",
            String(repeating: "long ", count: 60), "\u{FFFE}\u{202E}abc", "\u{1F9EA}\u{301}",
        ]
        let reading = try #require(read(try picture(names, count: 3)))
        #expect(reading.elements["script"] == nil)
        #expect(reading.elements["svg"] == 1)
        #expect(reading.text.contains("a & b <"))
    }

    @Test func manyCandidatesAndFewFit() throws {
        for (names, count) in [(["a", "b"], 1), ((0..<60).map { "domain \($0)" }, 12)] {
            let svg = try picture(names, count: count)
            let reading = try #require(read(svg))
            #expect(try #require(reading.elements["rect"]) >= names.count * names.count)
            #expect(!svg.contains("nan") && !svg.contains("inf\""))
        }
    }
}
