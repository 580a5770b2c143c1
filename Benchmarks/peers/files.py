"""The files that engines read: the given one, or a variant that llama.cpp's own quantiser makes from it."""

import hashlib
import os
import pathlib
import tempfile

from .paths import VARIANTS

# GGUF's file types by the names in common use; the numbers are llama.cpp's.
FILE_TYPES = {"F16": 1, "Q4_0": 2, "Q4_1": 3, "Q8_0": 7, "Q4_K_M": 15}


def stem(model):
    """The model's name without its type: `SmolLM2-135M-Instruct` of `SmolLM2-135M-Instruct.Q4_1.gguf`."""
    name, _, kind = model.stem.rpartition(".")
    return name if kind in FILE_TYPES else model.stem


def variant(model, kind):
    """The file of the model in this type, made where it is missing.

    Raises ImportError without llama-cpp-python, and RuntimeError where the quantiser cannot make it.
    """
    if kind is None or model.stem.endswith("." + kind):
        return model
    # A folder for each file as it is now: others may have its name.
    status = model.stat()
    source = f"{model.resolve()} {status.st_size} {status.st_mtime_ns}"
    folder = VARIANTS / hashlib.sha256(source.encode()).hexdigest()[:12]
    target = folder / f"{stem(model)}.{kind}.gguf"
    if target.exists():
        return target
    import llama_cpp

    folder.mkdir(parents=True, exist_ok=True)
    options = llama_cpp.llama_model_quantize_default_params()
    options.ftype = FILE_TYPES[kind]
    options.allow_requantize = True
    # The file appears under its name only when it is whole.
    with tempfile.TemporaryDirectory(prefix=".quantise.", dir=folder) as work:
        partial = pathlib.Path(work) / "model.gguf"
        status = llama_cpp.llama_model_quantize(str(model).encode(), str(partial).encode(), options)
        if status != 0:
            raise RuntimeError(f"llama.cpp cannot make {kind} of {model.name} (status {status})")
        os.replace(partial, target)
    return target
