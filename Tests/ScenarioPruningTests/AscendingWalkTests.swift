import Basics
import ScenarioPruning
import Testing

@Suite struct AscendingWalkTests {
    /// Whatever parts are taken whole, what is taken up to any element is what sorting puts there.
    @Test(arguments: [0, 1, 32, 33, 5000], [1, 40, 1_000_000])
    func elementsComeInAscendingOrder(count: Int, distinct: UInt64) {
        var generator = SplitMix64(seed: 4)
        let elements = (0..<count).map { _ in Int(generator.next() % distinct) }
        for wanted in [0, 1, count / 3, count] {
            var (taken, wholes) = ([] as [Int], 0)
            var walked = elements
            AscendingWalk.run(over: &walked) { part in
                guard taken.count + part.count <= wanted else { return false }
                taken += part
                wholes += 1
                return true
            } take: { element in
                guard taken.count < wanted else { return false }
                taken.append(element)
                return true
            }
            #expect(taken.sorted() == Array(elements.sorted().prefix(wanted)))
            #expect(walked.sorted() == elements.sorted())
            #expect(count < 5000 || distinct == 1 || wanted < 40 || wholes > 0)
        }
    }
}
