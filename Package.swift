// swift-tools-version: 6.1

import PackageDescription

let package = Package(
    name: "SubspacePath",
    platforms: [.macOS(.v15)],
    products: [
        .executable(name: "subspacepath", targets: ["subspacepath"]),
        .library(
            name: "SubspacePath",
            targets: [
                "Basics", "Checkpoints", "Tokenizers", "Transformer", "DomainBasis", "ScenarioPruning", "Evaluation",
            ]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.0"),
        .package(url: "https://github.com/apple/swift-collections", from: "1.6.0"),
    ],
    targets: [
        .target(name: "Basics"),
        .target(name: "CKernels"),
        .target(name: "Checkpoints", dependencies: ["Basics"]),
        .target(
            name: "Tokenizers",
            dependencies: ["Basics", .product(name: "HeapModule", package: "swift-collections")]),
        .target(name: "Transformer", dependencies: ["Basics", "CKernels", "Checkpoints", "Tokenizers"]),
        .target(name: "DomainBasis", dependencies: ["Basics", "Transformer", "Tokenizers"]),
        .target(
            name: "ScenarioPruning",
            dependencies: ["DomainBasis", "Transformer", "Tokenizers", "Checkpoints", "Basics"]),
        .target(
            name: "Evaluation",
            dependencies: ["ScenarioPruning", "DomainBasis", "Transformer", "Tokenizers", "Basics"]),
        .executableTarget(
            name: "subspacepath",
            dependencies: [
                "Evaluation", "ScenarioPruning", "DomainBasis", "Transformer", "Tokenizers", "Checkpoints", "Basics",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ]),
        .executableTarget(
            name: "layer-steps", dependencies: ["CKernels"], path: "Benchmarks/kernels", exclude: ["compare.sh"],
            linkerSettings: [.linkedLibrary("m", .when(platforms: [.linux]))]),

        .target(name: "TestSupport", dependencies: ["Transformer", "Checkpoints"], path: "Tests/TestSupport"),
        .testTarget(
            name: "CKernelsTests", dependencies: ["CKernels", "Checkpoints", "TestSupport"], exclude: ["arm_driver"]),
        .testTarget(name: "BasicsTests", dependencies: ["Basics", "TestSupport"]),
        .testTarget(name: "CheckpointsTests", dependencies: ["Checkpoints", "TestSupport"]),
        .testTarget(
            name: "TokenizersTests", dependencies: ["Tokenizers", "Transformer", "Checkpoints", "TestSupport"]),
        .testTarget(
            name: "TransformerTests",
            dependencies: ["Basics", "Transformer", "Tokenizers", "Checkpoints", "TestSupport"]),
        .testTarget(name: "DomainBasisTests", dependencies: ["Basics", "DomainBasis", "Transformer", "TestSupport"]),
        .testTarget(
            name: "ScenarioPruningTests",
            dependencies: ["Basics", "ScenarioPruning", "DomainBasis", "Transformer", "Checkpoints", "TestSupport"]),
        .testTarget(
            name: "EvaluationTests",
            dependencies: [
                "Basics", "Evaluation", "ScenarioPruning", "DomainBasis", "Transformer", "Checkpoints", "TestSupport",
            ]),
        .testTarget(name: "CommandLineTests", dependencies: ["subspacepath", "TestSupport"]),
    ]
)
