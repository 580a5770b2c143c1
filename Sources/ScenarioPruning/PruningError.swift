import Basics

/// Why artifacts or a scenario could not be used.
public enum PruningError: Error, Equatable, Sendable, CustomStringConvertible {
    /// A file of the artifacts is missing or malformed.
    case unreadableArtifacts(String, detail: String)
    /// The artifacts were made for another model.
    case wrongModel(artifacts: String, made: String, model: String, found: String)
    /// The artifacts do not fit the model's shape or themselves.
    case inconsistentArtifacts(String)
    /// The model was loaded in another order of its feed-forward channels than the artifacts are about.
    case otherChannelOrder
    case unreadablePathway(String, detail: String)
    /// Another training is making artifacts at the same place.
    case placeInUse(String)
    /// Artifacts would take the place of something else.
    case foreignFolder(String)
    /// Artifacts would take the place of others.
    case finishedArtifacts(String)
    case emptyDescription
    /// To be trained for, but not distinct or none.
    case domains([String])
    /// The artifacts hold no scores for a criterion.
    case unmeasuredCriterion(String, measured: [String])
    /// Artifacts of another model would be lost.
    case otherModelsArtifacts(String, model: String)
    /// A parameter outside its range.
    case outOfRange(String, value: Double, range: ClosedRange<Double>)

    public var description: String { text.printable }

    private var text: String {
        switch self {
        case .unreadableArtifacts(let path, let detail):
            "cannot read the artifacts at \(path): \(detail); make them with `subspacepath train`"
        case .wrongModel(let artifacts, let made, let model, let found):
            "the artifacts \(artifacts) were made for model \(made), but \(model) is model \(found); "
                + "make artifacts for it with `subspacepath train --output-dir`, and name them by --artifacts"
        case .inconsistentArtifacts(let detail):
            "the artifacts are inconsistent: \(detail); make them again with `subspacepath train`"
        case .otherChannelOrder:
            "feed-forward blocks can be pruned where the model is loaded with the artifacts' order of channels; "
                + "pass PruningArtifacts.channelOrder(in:for:) to DecoderModel"
        case .unreadablePathway(let path, let detail):
            "cannot use the pathway \(path): \(detail); make one with `subspacepath compile --output`"
        case .placeInUse(let path):
            "another `train` is making artifacts at \(path); wait for it, or choose another --output-dir"
        case .foreignFolder(let path):
            "\(path) is there and is not a folder of artifacts alone; it is left as it is, choose another --output-dir"
        case .finishedArtifacts(let path):
            "\(path) holds finished artifacts; add --overwrite to replace them, or choose another --output-dir"
        case .unmeasuredCriterion(let name, let measured):
            "the artifacts hold no \(name) importance; measure it with `subspacepath train` (see its --importance, "
                + "--causal-tokens and --feed-forward-tokens), or choose another --criterion"
                + (measured.isEmpty ? "" : " of \(measured.joined(separator: ", "))")
        case .otherModelsArtifacts(let path, let model):
            "\(path) holds artifacts of another model, \(model); they are left as they are, choose another --output-dir"
        case .emptyDescription:
            "the scenario's description is empty; say in a sentence or two what it is about"
        case .domains(let names):
            names.isEmpty
                ? "no domains are selected; name at least one"
                : "the selected domains \(names.joined(separator: ", ")) are not distinct; name each once"
        case .outOfRange(let name, let value, let range):
            "\(name) is \(value), expected \(range.lowerBound) to \(range.upperBound)"
        }
    }
}
