"""Makes every fixture anew: python make_fixtures.py [--model models/SmolLM2-135M-Instruct.Q4_1.gguf]"""

import argparse
import pathlib

import default_model
import domain_cases
import sentencepiece_cases
import statistics_cases
import tensor_types
import tiny_models
import tokenizer_cases

FOLDER = pathlib.Path(__file__).resolve().parent.parent
ROOT = FOLDER.parent.parent

parser = argparse.ArgumentParser(description="Make the reference fixtures that the tests read.")
parser.add_argument("--model", default=str(ROOT / "models" / "SmolLM2-135M-Instruct.Q4_1.gguf"))
arguments = parser.parse_args()

statistics_cases.make(FOLDER)
domain_cases.make(FOLDER)
tokenizer_cases.make(FOLDER / "tokenizers", arguments.model)
sentencepiece_cases.make(FOLDER / "tokenizers")
tiny_models.make(FOLDER / "models")
tensor_types.make(FOLDER / "types")
default_model.make(FOLDER, arguments.model)
