import DomainBasis
import Evaluation
import Foundation
import TestSupport
import Testing

/// What the shipped texts and scenarios promise.
@Suite struct ShippedDataTests {
    static let selected = ["chemistry", "finance", "history", "math", "philosophy", "technology"]
    static let data = Fixtures.root.appending(path: "data")

    private func pools(_ split: String) throws -> [TextPool] {
        let directory = Self.data.appending(path: split)
        return try TextPool.domains(in: directory).map { try TextPool(domain: $0, in: directory) }
    }

    private func scenarios(_ category: String) throws -> [String: [Scenario]] {
        let folder = Self.data.appending(path: "test/\(category)")
        var result: [String: [Scenario]] = [:]
        for file in try FileManager.default.contentsOfDirectory(atPath: folder.path) where file.hasSuffix(".json") {
            let data = try Data(contentsOf: folder.appending(path: file))
            result[String(file.dropLast(5))] = try JSONDecoder().decode([Scenario].self, from: data)
        }
        return result
    }

    @Test func poolsAreLargeEnough() throws {
        for (split, least) in [("train", 150), ("val", 40)] {
            let pools = try pools(split)
            for domain in Self.selected {
                #expect(try #require(pools.first { $0.domain == domain }).texts.count >= least, "\(split)/\(domain)")
            }
        }
    }

    /// Enough candidates to choose domains from, each with texts to hold its axis or a probe against.
    @Test func candidatesAreManyEnough() throws {
        let candidates = try pools("train")
        #expect(candidates.count >= 14)
        #expect(Set(candidates.map(\.domain)).isSuperset(of: Self.selected))
        for pool in candidates {
            #expect(pool.texts.count >= 60, "\(pool.domain)")
            #expect(Set(pool.texts).count == pool.texts.count, "\(pool.domain) repeats a text")
        }
        #expect(try pools("val").map(\.domain) == candidates.map(\.domain))
    }

    /// A text that begins with a space begins with another token.
    @Test func textsHaveNoSpaceAround() throws {
        for split in ["train", "val", "answered"] {
            for pool in try pools(split) {
                for text in pool.texts {
                    #expect(
                        text == text.trimmingCharacters(in: .whitespacesAndNewlines), "\(split)/\(pool.domain): \(text)"
                    )
                }
            }
        }
    }

    @Test func poolsVaryInForm() throws {
        for pool in try pools("train") where Self.selected.contains(pool.domain) {
            let withOptions = pool.texts.count { AnswerScoring.options(of: $0).count >= 3 }
            let questions = pool.texts.count { $0.hasSuffix("?") }
            for count in [withOptions, questions, pool.texts.count - withOptions - questions] {
                #expect(Double(count) >= 0.15 * Double(pool.texts.count), "\(pool.domain)")
            }
        }
    }

    @Test func scenariosAreManyEnough() throws {
        let selected = try scenarios("selected_domain")
        for domain in Self.selected { #expect(selected[domain, default: []].count >= 8, "\(domain)") }
        let outside = try scenarios("out_of_domain")
        #expect(outside.count { $0.value.count >= 4 } >= 8)
        #expect(Set(outside.keys).isDisjoint(with: Self.selected))
        #expect(try scenarios("cross_domain").count { $0.value.count >= 3 } >= 10)
    }

    @Test func turnsAreAnswerable() throws {
        var seen: Set<String> = []
        for category in ["selected_domain", "out_of_domain", "cross_domain"] {
            for (file, scenarios) in try scenarios(category) {
                for scenario in scenarios {
                    #expect(seen.insert(scenario.id).inserted, "\(scenario.id) is not the only one")
                    #expect((4...6).contains(scenario.turns.count), "\(scenario.id)")
                    #expect(scenario.topicDescription.split(separator: " ").count >= 8, "\(scenario.id)")
                    for turn in scenario.turns {
                        let letters = AnswerScoring.options(of: turn.prompt).map { String($0.letter) }
                        if turn.taskType == .multipleChoice {
                            #expect(
                                letters == ["A", "B", "C", "D", "E"].prefix(letters.count).map(\.self),
                                "\(file): \(turn.prompt)")
                            #expect(letters.count >= 3 && letters.contains(turn.answer), "\(file): \(turn.prompt)")
                        } else {
                            #expect(letters.isEmpty, "\(file): \(turn.prompt)")
                        }
                        // The expected answer itself must score full marks.
                        #expect(
                            AnswerScoring.score(prediction: turn.answer, turn: turn) == 1, "\(file): \(turn.prompt)")
                    }
                }
            }
        }
    }

    /// Two texts are near-duplicates where their content words, or their runs of three, overlap too much.
    @Test func nothingIsRepeated() throws {
        struct Entry {
            let name: String
            let words: Set<String>
            let runs: Set<String>

            init(_ name: String, _ text: String) {
                self.name = name
                let words = text.lowercased().split { !$0.isLetter && !$0.isNumber }.map(String.init)
                    .filter { !TextNormalization.stopwords.contains($0) }
                self.words = Set(words)
                runs = Set(words.indices.dropLast(2).map { words[$0...$0 + 2].joined(separator: " ") })
            }

            func overlap(_ a: Set<String>, _ b: Set<String>) -> Double {
                let shared = a.intersection(b).count
                return a.isEmpty || b.isEmpty ? 0 : Double(shared) / Double(a.count + b.count - shared)
            }

            func repeats(_ other: Entry) -> Bool {
                overlap(words, other.words) >= 0.65 || overlap(runs, other.runs) >= 0.45
            }
        }
        var entries: [Entry] = []
        for split in ["train", "val"] {
            for pool in try pools(split) {
                entries += pool.texts.enumerated().map { Entry("\(split)/\(pool.domain)[\($0)]", $1) }
            }
        }
        for category in ["selected_domain", "out_of_domain", "cross_domain"] {
            for scenarios in try scenarios(category).values {
                for scenario in scenarios {
                    entries += scenario.turns.enumerated().map { Entry("\(scenario.id)[\($0)]", $1.prompt) }
                }
            }
        }
        // Only texts that share an uncommon word can be near-duplicates: each is compared with those.
        var byWord: [String: [Int]] = [:]
        for (index, entry) in entries.enumerated() {
            for word in entry.words { byWord[word, default: []].append(index) }
        }
        for (index, entry) in entries.enumerated() {
            let rarest = entry.words.sorted { (byWord[$0]!.count, $0) < (byWord[$1]!.count, $1) }
            // An overlap of 0.45 or more shares at least one of the rarest 60% of the words.
            let candidates = Set(rarest.prefix(rarest.count * 6 / 10 + 1).flatMap { byWord[$0]! })
            for other in candidates where other > index {
                #expect(!entry.repeats(entries[other]), "\(entry.name) and \(entries[other].name)")
            }
        }
    }
}
