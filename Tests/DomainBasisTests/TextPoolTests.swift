import DomainBasis
import Testing

@Suite struct TextPoolTests {
    @Test func aPoolIsNamedAsPeopleWriteIt() {
        let pool = TextPool(domain: "world-history_101", texts: ["When did the Bronze Age end?"])
        #expect(
            pool.namingTexts == [
                "world history 101", "a world history 101 tutor", "questions about world history 101",
            ])
    }
}
