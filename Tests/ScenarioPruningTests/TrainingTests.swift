import Checkpoints
import DomainBasis
import Foundation
import ScenarioPruning
import TestSupport
import Testing
import Transformer

/// A small model trained on a few words, in a folder of its own.
private struct TinyTraining {
    var model: DecoderModel
    var options = OfflineTraining.Options()

    init(_ folder: URL, model name: String = "llama-tiny") throws {
        model = try Fixtures.tinyModel(name)
        let pools = [
            "first": ["the quick brown fox", "lazy dog over there", "jumps over foxes", "a brown dog runs"],
            "second": ["def area radius", "print sum in range", "for i in range", "return radius times two"],
            "outside": ["price rose in 2024", "units were sold", "theory of everything", "answer in question"],
        ]
        for split in ["train", "val"] {
            let directory = folder.appending(path: split)
            try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
            for (domain, texts) in pools {
                let varied = split == "train" ? texts : texts.map { $0 + " again" }
                try JSONEncoder().encode(varied).write(to: directory.appending(path: "\(domain).json"))
            }
        }
        options.dataDirectory = folder
        options.domains = ["first", "second"]
        options.probe.epochs = 5
        var budget = CausalMeasurement.Budget()
        (budget.headTokens, budget.feedForwardTokens, budget.draws) = (10, 6, 4)
        options.causalBudget = budget
    }

    func run(
        _ output: URL, overwriting: Bool = true, onProgress: @escaping (OfflineTraining.Progress) -> Void = { _ in }
    ) throws -> PruningArtifacts {
        try OfflineTraining(
            model, options, output: output, overwriting: overwriting, onProgress: onProgress
        ).run()
    }

    /// A whole training, and what one to `output` leaves that was stopped in the importance stage.
    func stopInImportance(in folder: URL) throws -> (whole: URL, output: URL, partial: URL) {
        let whole = folder.appending(path: "whole")
        _ = try run(whole)
        let output = folder.appending(path: "stopped")
        // A progress callback cannot throw, so the stop is a partial folder with the last stages taken away.
        let partial = URL(fileURLWithPath: output.path + ".partial")
        try FileManager.default.copyItem(at: whole, to: partial)
        for name in ["importance.safetensors", "whitelist.json"] {
            try FileManager.default.removeItem(at: partial.appending(path: name))
        }
        return (whole, output, partial)
    }
}

@Suite struct TrainingTests {
    /// Means, and what importance is measured on, are those of the answered texts where a domain has some.
    @Test func answeredTextsAreMeasured() throws {
        try Fixtures.withTemporaryDirectory { folder in
            let training = try TinyTraining(folder)
            let without = try training.run(folder.appending(path: "without"))
            let directory = folder.appending(path: "answered")
            try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
            try JSONEncoder().encode(["what jumps? the fox", "what is lazy? the dog"]).write(
                to: directory.appending(path: "first.json"))
            let answered = try training.run(folder.appending(path: "with"))
            func digest(_ artifacts: PruningArtifacts, _ name: String) -> String? {
                artifacts.manifest.poolDigests[name]
            }
            #expect(digest(without, "answered/first") == digest(without, "train/first"))
            #expect(digest(answered, "answered/first") != digest(answered, "train/first"))
            #expect(digest(answered, "answered/second") == digest(answered, "train/second"))
            let (plain, measured) = (without.importance.heads.means, answered.importance.heads.means)
            for layer in plain.indices {
                func difference(_ domain: Int) -> Float {
                    zip(plain[layer][domain], measured[layer][domain]).map { abs($0 - $1) }.max() ?? 0
                }
                // The channels' order follows the answered texts, and sums over channels their order.
                #expect(difference(0) > 1e-2 && difference(1) < 1e-4)
            }
        }
    }

    @Test func artifactsAreReadAsTheyWereMade() throws {
        try Fixtures.withTemporaryDirectory { folder in
            let training = try TinyTraining(folder)
            let output = folder.appending(path: "artifacts")
            let made = try training.run(output)
            let read = try PruningArtifacts(contentsOf: output, for: training.model)
            #expect(read.manifest == made.manifest)
            #expect(read.probes == made.probes)
            #expect(read.importance == made.importance)
            #expect(read.channelOrder == made.channelOrder)
            #expect(read.whitelist == made.whitelist)
            #expect(read.temperatures == made.temperatures)
            #expect(Set(read.temperatures.keys) == Set(CalibrationRegime.allCases))
            #expect(!FileManager.default.fileExists(atPath: output.path + ".partial"))
        }
    }

    @Test func theSameInputsGiveTheSameBytes() throws {
        try Fixtures.withTemporaryDirectory { folder in
            let training = try TinyTraining(folder)
            let outputs = ["a", "b"].map { folder.appending(path: $0) }
            for output in outputs { _ = try training.run(output) }
            for name in try FileManager.default.contentsOfDirectory(atPath: outputs[0].path) {
                let bytes = try outputs.map { try Data(contentsOf: $0.appending(path: name)) }
                #expect(bytes[0] == bytes[1], "\(name)")
            }
        }
    }

    /// A run stopped inside the importance stage keeps its probes and temperatures, and ends with the same files.
    @Test func aStoppedRunGoesOnAfterItsLastStage() throws {
        try Fixtures.withTemporaryDirectory { folder in
            let training = try TinyTraining(folder)
            let (whole, output, _) = try training.stopInImportance(in: folder)
            nonisolated(unsafe) var resumed: [OfflineTraining.Stage] = []
            _ = try training.run(output) { if $0.resumed { resumed.append($0.stage) } }
            #expect(resumed == [.channelOrder, .probes, .calibration])
            for name in try FileManager.default.contentsOfDirectory(atPath: whole.path) {
                #expect(
                    try Data(contentsOf: whole.appending(path: name)) == Data(contentsOf: output.appending(path: name)))
            }
        }
    }

    /// Causal importance is saved after each text; what is left of it ends with the same bytes.
    @Test func causalImportanceGoesOnAfterItsLastText() throws {
        try Fixtures.withTemporaryDirectory { folder in
            let training = try TinyTraining(folder)
            let whole = folder.appending(path: "whole")
            let output = folder.appending(path: "stopped")
            let partial = URL(fileURLWithPath: output.path + ".partial")
            let kept = folder.appending(path: "kept")
            nonisolated(unsafe) var copied = false
            // The first pass of a later text: what is on disk now is what a kill would leave.
            _ = try training.run(output) { progress in
                guard progress.stage == .causal, progress.done > progress.total / 2, !copied else { return }
                copied = (try? FileManager.default.copyItem(at: partial, to: kept)) != nil
            }
            #expect(copied)
            _ = try training.run(whole)
            try FileManager.default.removeItem(at: output)
            try FileManager.default.moveItem(at: kept, to: partial)
            #expect(FileManager.default.fileExists(atPath: partial.appending(path: "causal.json").path))
            nonisolated(unsafe) var first: Int?
            _ = try training.run(output) { if $0.stage == .causal, first == nil { first = $0.done } }
            #expect(try #require(first) > 1)
            #expect(!FileManager.default.fileExists(atPath: output.appending(path: "causal.json").path))
            for name in try FileManager.default.contentsOfDirectory(atPath: whole.path) {
                #expect(
                    try Data(contentsOf: whole.appending(path: name)) == Data(contentsOf: output.appending(path: name)))
            }
        }
    }

    @Test func otherInputsStartOver() throws {
        try Fixtures.withTemporaryDirectory { folder in
            var training = try TinyTraining(folder)
            let output = folder.appending(path: "artifacts")
            _ = try training.run(output)
            try FileManager.default.moveItem(atPath: output.path, toPath: output.path + ".partial")
            training.options.seed = 7
            nonisolated(unsafe) var resumed = 0
            _ = try training.run(output) { if $0.resumed { resumed += 1 } }
            #expect(resumed == 0)
        }
    }

    /// Artifacts take the place of artifacts, and of nothing else.
    @Test func whatIsNoArtifactsIsLeftAlone() throws {
        try Fixtures.withTemporaryDirectory { folder in
            let training = try TinyTraining(folder)
            let thesis = Data("years of work".utf8)
            for place in ["mine", "mine.partial", "mine.old"] {
                let foreign = folder.appending(path: place)
                for inside in [nil, "thesis.txt", ".git/HEAD"] {
                    let file = inside.map { foreign.appending(path: $0) } ?? foreign
                    try FileManager.default.createDirectory(
                        at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
                    try thesis.write(to: file)
                    #expect(throws: PruningError.foreignFolder(foreign.relativePath)) {
                        try training.run(folder.appending(path: "mine"))
                    }
                    #expect(try Data(contentsOf: file) == thesis)
                    try FileManager.default.removeItem(at: foreign)
                }
            }
            let output = folder.appending(path: "artifacts")
            for _ in 0..<2 { _ = try training.run(output) }
        }
    }

    /// Inputs of domains that are not selected belong to what probes learn from, but for those that a selected one has.
    @Test func trainingReadsTheBackground() throws {
        try Fixtures.withTemporaryDirectory { folder in
            let training = try TinyTraining(folder)
            let artifacts = try training.run(folder.appending(path: "one"))
            let outside = folder.appending(path: "train/outside.json")
            let texts = try JSONDecoder().decode([String].self, from: Data(contentsOf: outside))
            func probes(_ texts: [String], _ name: String) throws -> [LinearProbe] {
                try JSONEncoder().encode(texts).write(to: outside)
                let artifacts = try training.run(folder.appending(path: name))
                #expect(artifacts.manifest.poolDigests["train/outside"] != nil)
                return artifacts.probes
            }
            #expect(try probes(texts.map { $0 + " zebra" }, "two") != artifacts.probes)
            #expect(try probes(texts + ["the quick brown fox"], "three") == artifacts.probes)
        }
    }

    /// Neither finished artifacts nor other programs' files of the same names are lost without being asked for.
    @Test func finishedArtifactsAreKept() throws {
        try Fixtures.withTemporaryDirectory { folder in
            var training = try TinyTraining(folder)
            let output = folder.appending(path: "artifacts")
            let artifacts = try training.run(output)
            var work = 0
            #expect(
                try training.run(output, overwriting: false, onProgress: { work += $0.resumed ? 0 : 1 }).manifest
                    == artifacts.manifest)
            #expect(work == 0, "what is asked for is there")
            training.options.seed += 1
            #expect(throws: PruningError.finishedArtifacts(output.relativePath)) {
                try training.run(output, overwriting: false)
            }
            let other = folder.appending(path: "extension")
            try FileManager.default.createDirectory(at: other, withIntermediateDirectories: true)
            try Data(#"{"name": "my extension"}"#.utf8).write(to: other.appending(path: "manifest.json"))
            #expect(throws: PruningError.foreignFolder(other.relativePath)) { try training.run(other) }
        }
    }

    /// Also where causal importance is left out, which is then no stage.
    @Test func onlyWhatIsAskedForIsAStage() throws {
        try Fixtures.withTemporaryDirectory { folder in
            var training = try TinyTraining(folder)
            training.options.causalBudget = nil
            // The whitelist is made at once, without progress.
            #expect(try stages(of: training, folder).union([.whitelist]) == Set(training.options.stages))
            #expect(try stages(of: training, folder) == Set(training.options.stages), "what is there already")
            #expect(!training.options.stages.contains(.causal))
        }
    }

    private func stages(of training: TinyTraining, _ folder: URL) throws -> Set<OfflineTraining.Stage> {
        var stages: Set<OfflineTraining.Stage> = []
        _ = try training.run(folder.appending(path: "brief"), overwriting: false) { stages.insert($0.stage) }
        return stages
    }

    /// A run that was killed while it removed what it made, or earlier artifacts, goes on.
    @Test func whatWasBeingRemovedIsRemoved() throws {
        try Fixtures.withTemporaryDirectory { folder in
            let training = try TinyTraining(folder)
            let output = folder.appending(path: "artifacts")
            let whole = try training.run(output)
            for place in ["artifacts.old", "artifacts.partial"] {
                let left = folder.appending(path: place)
                try FileManager.default.copyItem(at: output, to: left)
                try FileManager.default.removeItem(at: left.appending(path: "manifest.json"))
                #expect(try training.run(output).manifest == whole.manifest)
                #expect(!FileManager.default.fileExists(atPath: left.path))
            }
        }
    }

    /// Artifacts of a model whose activations are no numbers would only be found out later.
    @Test func modelsThatOverflowAreRefused() throws {
        try Fixtures.withTemporaryDirectory { folder in
            var training = try TinyTraining(folder)
            let damaged = folder.appending(path: "damaged.gguf")
            let url = Fixtures.url("models/llama-tiny.gguf")
            let file = try GGUFFile(contentsOf: url)
            var bytes = try Data(contentsOf: url)
            let tensor = try #require(file.tensors.first { $0.name == "blk.1.ffn_down.weight" })
            bytes.replaceSubrange(tensor.range.prefix(4), with: [0xff, 0xff, 0x7f, 0x7f])
            try bytes.write(to: damaged)
            training.model = try DecoderModel(contentsOf: damaged, precision: .float32, threads: 1)
            #expect(throws: DecoderError.notANumber) { try training.run(folder.appending(path: "artifacts")) }
        }
    }

    /// Artifacts of one model do not take the place of another's.
    @Test func artifactsOfAnotherModelAreLeftAlone() throws {
        try Fixtures.withTemporaryDirectory { folder in
            let output = folder.appending(path: "artifacts")
            _ = try TinyTraining(folder).run(output)
            let manifest = output.appending(path: "manifest.json")
            let before = try Data(contentsOf: manifest)
            #expect {
                _ = try TinyTraining(folder, model: "qwen2-tiny").run(output)
            } throws: { error in
                if case PruningError.otherModelsArtifacts(output.relativePath, _) = error { true } else { false }
            }
            #expect(try Data(contentsOf: manifest) == before)
        }
    }

    /// Sums of another shape, and of texts that there are not, are not gone on with.
    @Test(arguments: [(1, 0), (nil, -1), (nil, 1 << 62), (nil, 1)])
    func causalSumsThatDoNotFitAreMeasuredAnew(values: Int?, texts: Int) throws {
        try Fixtures.withTemporaryDirectory { folder in
            let training = try TinyTraining(folder)
            let (whole, output, partial) = try training.stopInImportance(in: folder)
            let configuration = training.model.configuration
            let zeros = Array(repeating: 0, count: values ?? configuration.layers * configuration.heads * 2)
            let sums =
                #"{"sums": {"heads": \#(zeros)}, "tokens": {"heads": [9, 0]}, "texts": {"heads": [\#(texts), 0]}}"#
            try Data(sums.utf8).write(to: partial.appending(path: "causal.json"))
            _ = try training.run(output)
            let importance = "importance.safetensors"
            #expect(
                try Data(contentsOf: whole.appending(path: importance))
                    == Data(contentsOf: output.appending(path: importance)))
        }
    }

    @Test func artifactsOfAnotherModelAreRefusedByName() throws {
        try Fixtures.withTemporaryDirectory { folder in
            let output = folder.appending(path: "artifacts")
            _ = try TinyTraining(folder).run(output)
            let other = try Fixtures.tinyModel("llama-rope-scaled-tiny")
            do {
                _ = try PruningArtifacts(contentsOf: output, for: other)
                Issue.record("artifacts of another model were taken")
            } catch let PruningError.wrongModel(_, made, _, found) {
                #expect(made.contains(try Fixtures.tinyModel("llama-tiny").fingerprint.description))
                #expect(found == other.fingerprint.description)
            }
        }
    }

    /// Also where a manifest of that version holds other things.
    @Test func artifactsOfAnotherVersionAreRefusedByIt() throws {
        try Fixtures.withTemporaryDirectory { folder in
            let training = try TinyTraining(folder)
            let output = folder.appending(path: "artifacts")
            _ = try training.run(output)
            try Data(#"{"formatVersion": 1, "domains": 6}"#.utf8).write(to: output.appending(path: "manifest.json"))
            do {
                _ = try PruningArtifacts(contentsOf: output, for: training.model)
                Issue.record("artifacts of another version were taken")
            } catch let PruningError.unreadableArtifacts(_, detail) {
                #expect(detail.hasPrefix("format version 1, expected "))
            }
        }
    }

    @Test func damagedArtifactsAreRefused() throws {
        try Fixtures.withTemporaryDirectory { folder in
            let training = try TinyTraining(folder)
            let output = folder.appending(path: "artifacts")
            _ = try training.run(output)
            for name in try FileManager.default.contentsOfDirectory(atPath: output.path) {
                let url = output.appending(path: name)
                let whole = try Data(contentsOf: url)
                for damaged in [Data(), whole.prefix(whole.count / 2), Data("{}".utf8)] {
                    try damaged.write(to: url)
                    #expect(throws: PruningError.self) { try PruningArtifacts(contentsOf: output, for: training.model) }
                }
                try FileManager.default.removeItem(at: url)
                #expect(throws: PruningError.self) { try PruningArtifacts(contentsOf: output, for: training.model) }
                try whole.write(to: url)
            }
        }
    }
}
