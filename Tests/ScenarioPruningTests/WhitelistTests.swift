import ScenarioPruning
import Testing

@Suite struct WhitelistTests {
    @Test func backboneHeadsAreEvenAndImportant() {
        // One even and important head, one even and weak, one important and uneven; layer 0 is foundation.
        let table = UnitTable(
            layers: 2, units: 4, domains: 2,
            values: [0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.5, 0.52, 0.01, 0.01, 0.9, 0.1, 0.02, 0.01])
        let whitelist = Whitelist(table, foundationLayers: 1)
        #expect(whitelist.heads == [[0, 1, 2, 3], [0]])
        #expect(whitelist.count == 5)
    }

    @Test func shallowModelsHaveFewerFoundationLayers() {
        #expect(Whitelist.defaultFoundationLayers(of: 30) == 3)
        #expect(Whitelist.defaultFoundationLayers(of: 8) == 2)
        #expect(Whitelist.defaultFoundationLayers(of: 1) == 1)
    }
}
