import ScenarioPruning
import Testing

@Suite struct BudgetTests {
    @Test func higherStrengthPrunesMoreAndBreadthLess() {
        #expect(PruningBudget.strength(0.4).fraction(breadth: 0) == 0.4)
        #expect(abs(PruningBudget.strength(0.4).fraction(breadth: 1) - 0.2) < 1e-12)
        #expect(PruningBudget.strength(0.6).fraction(breadth: 0.5) > PruningBudget.strength(0.4).fraction(breadth: 0.5))
        #expect(PruningBudget.strength(1).fraction(breadth: 0) == 0.9)
        #expect(PruningBudget.fraction(0.95).fraction(breadth: 1) == 0.95)
    }
}
