"""Where things are in a checkout."""

import pathlib

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
TOOL = ROOT / ".build/release/subspacepath"
DEFAULT_MODEL = ROOT / "models/SmolLM2-135M-Instruct.Q4_1.gguf"
VARIANTS = ROOT / "models/peers"
RESULTS = ROOT / "results/bench/peers.json"
