"""Writes a GGUF file of a model with random 4-bit weights: the shape of a real model, without what it learned.

It is for measuring speed and memory at sizes that are too large to fetch. The file loads in any program that reads
GGUF; the text that it writes means nothing. The same options and seed give the same file. Only the Python standard
library is needed, and memory stays below a few dozen megabytes.
"""

import argparse
import itertools
import math
import os
import pathlib
import random
import shutil
import signal
import struct
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
ALIGNMENT = 32
CHUNK_WEIGHTS = 1 << 23

# layers, width, heads, key/value heads, head size, feed-forward width, vocabulary, tied embeddings, rotary base,
# context, architecture
SHAPES = {
    "135M": (30, 576, 9, 3, 64, 1536, 49152, True, 100000.0, 8192, "llama"),  # SmolLM2-135M
    "360M": (32, 960, 15, 5, 64, 2560, 49152, True, 100000.0, 8192, "llama"),  # SmolLM2-360M
    "0.6B": (28, 1024, 16, 8, 128, 3072, 151936, True, 1000000.0, 40960, "qwen3"),  # Qwen3 0.6B
    "1B": (16, 2048, 32, 8, 64, 8192, 128256, True, 500000.0, 8192, "llama"),  # Llama 3.2 1B
    "3B": (28, 3072, 24, 8, 128, 8192, 128256, True, 500000.0, 8192, "llama"),  # Llama 3.2 3B
    "7B": (32, 4096, 32, 32, 128, 11008, 32000, False, 10000.0, 4096, "llama"),  # Llama 2 7B
}

TENSOR_TYPES = {"F32": 0, "Q4_0": 2, "Q4_1": 3, "Q4_K": 12}
FILE_TYPES = {"Q4_0": 2, "Q4_1": 3, "Q4_K": 14}
BLOCK_WEIGHTS = {"Q4_0": 32, "Q4_1": 32, "Q4_K": 256}
BLOCK_BYTES = {"Q4_0": 18, "Q4_1": 20, "Q4_K": 144}


def parse_options():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--shape", choices=SHAPES, default="7B", help="the model whose shape to take (default: 7B)")
    parser.add_argument("--type", choices=FILE_TYPES, default="Q4_0", help="tensor type (default: Q4_0)")
    parser.add_argument("--layers", type=int, help="instead of the shape's")
    parser.add_argument("--width", type=int, help="instead of the shape's")
    parser.add_argument("--heads", type=int, help="query heads, instead of the shape's")
    parser.add_argument("--kv-heads", type=int, help="key/value heads, instead of the shape's")
    parser.add_argument("--head-size", type=int, help="values of a head, instead of the shape's")
    parser.add_argument("--feed-forward", type=int, help="feed-forward width, instead of the shape's")
    parser.add_argument("--vocabulary", type=int, help="tokens, instead of the shape's")
    parser.add_argument("--context", type=int, help="the longest context, instead of the shape's")
    parser.add_argument("--seed", type=int, default=42, help="the same seed gives the same file (default: 42)")
    parser.add_argument("--output", type=pathlib.Path, help="(default: models/random/SHAPE.TYPE.gguf)")
    parser.add_argument("--force", action="store_true", help="write the file anew where it is there already")
    options = parser.parse_args()

    names = [
        "layers", "width", "heads", "kv_heads", "head_size", "feed_forward", "vocabulary", "tied", "rotary_base",
        "context", "architecture",
    ]
    own = [name for name in names if getattr(options, name, None) is not None]
    for name, value in zip(names, SHAPES[options.shape]):
        if name not in own:
            setattr(options, name, value)
    for name in ["layers", "width", "heads", "kv_heads", "head_size", "feed_forward", "context"]:
        if getattr(options, name) < 1:
            parser.error(f"--{name.replace('_', '-')} is {getattr(options, name)}, expected at least 1")
        if getattr(options, name) >= 1 << 32:
            parser.error(f"--{name.replace('_', '-')} is {getattr(options, name)}, expected less than 2^32")
    block = BLOCK_WEIGHTS[options.type]
    for name in ["width", "feed_forward"]:
        if getattr(options, name) % block:
            of_shape = "" if name in own else f" in the shape {options.shape}"
            parser.error(
                f"--{name.replace('_', '-')} is {getattr(options, name)}{of_shape}, expected a multiple of {block}"
                f" for {options.type}"
            )
    if options.head_size % 2:
        parser.error(f"--head-size is {options.head_size}, expected an even number")
    if options.heads % options.kv_heads:
        parser.error(f"--kv-heads is {options.kv_heads}, which does not divide {options.heads} heads")
    if options.head_size * options.kv_heads % 32:
        parser.error(f"--kv-heads is {options.kv_heads}: keys must be a multiple of 32 wide")
    if options.head_size * options.heads % block:
        parser.error(f"--heads is {options.heads}: queries must be a multiple of {block} wide for {options.type}")
    if not 257 <= options.vocabulary <= 1 << 20:
        parser.error(f"--vocabulary is {options.vocabulary}, expected 257 to {1 << 20}")
    if options.output is None:
        if own:
            parser.error(f"a shape of one's own (--{own[0].replace('_', '-')}) needs an --output")
        options.output = ROOT / "models/random" / f"{options.shape}.{options.type}.gguf"
    return options


def byte_alphabet():
    """The printable characters that stand for bytes in byte-level vocabularies, by byte."""
    prints = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = iter(range(0x100, 0x200))
    return [chr(byte) if byte in prints else chr(next(others)) for byte in range(256)]


def vocabulary(size):
    """Tokens and merges of a byte-level byte-pair vocabulary: the bytes, then pairs of them, then threes."""
    alphabet = byte_alphabet()
    # ASCII and the space first, so that the pairs are ones that text has.
    common = sorted(alphabet, key=lambda character: (not (character.isascii() or character == "\u0120"), character))
    tokens = ["<|endoftext|>"] + alphabet
    merges = []
    shorter = common
    while len(tokens) < size:
        pairs = itertools.islice(itertools.product(shorter, common), size - len(tokens))
        merges += [f"{left} {right}" for left, right in pairs]
        tokens += [merge.replace(" ", "") for merge in merges[len(tokens) - 257 :]]
        shorter = tokens[-len(shorter) * 256 :]
    return tokens, merges


def string(text):
    data = text.encode("utf-8")
    return struct.pack("<Q", len(data)) + data


def unsigned(value):
    return struct.pack("<II", 4, value)


def floating(value):
    return struct.pack("<If", 6, value)


def boolean(value):
    return struct.pack("<I?", 7, value)


def text(value):
    return struct.pack("<I", 8) + string(value)


def texts(values):
    return struct.pack("<IIQ", 9, 8, len(values)) + b"".join(map(string, values))


def integers(values):
    return struct.pack("<IIQ", 9, 5, len(values)) + struct.pack(f"<{len(values)}i", *values)


def metadata(options):
    tokens, merges = vocabulary(options.vocabulary)
    family = options.architecture
    return {
        "general.architecture": text(family),
        "general.name": text(f"random weights, {options.shape} shape, seed {options.seed}"),
        "general.file_type": unsigned(FILE_TYPES[options.type]),
        "general.quantization_version": unsigned(2),
        "general.alignment": unsigned(ALIGNMENT),
        f"{family}.block_count": unsigned(options.layers),
        f"{family}.context_length": unsigned(options.context),
        f"{family}.embedding_length": unsigned(options.width),
        f"{family}.feed_forward_length": unsigned(options.feed_forward),
        f"{family}.attention.head_count": unsigned(options.heads),
        f"{family}.attention.head_count_kv": unsigned(options.kv_heads),
        f"{family}.attention.layer_norm_rms_epsilon": floating(1e-5),
        f"{family}.attention.key_length": unsigned(options.head_size),
        f"{family}.attention.value_length": unsigned(options.head_size),
        f"{family}.rope.dimension_count": unsigned(options.head_size),
        f"{family}.rope.freq_base": floating(options.rotary_base),
        f"{family}.vocab_size": unsigned(options.vocabulary),
        "tokenizer.ggml.model": text("gpt2"),
        "tokenizer.ggml.pre": text("smollm"),
        "tokenizer.ggml.tokens": texts(tokens),
        "tokenizer.ggml.token_type": integers([3] + [1] * (len(tokens) - 1)),
        "tokenizer.ggml.merges": texts(merges),
        "tokenizer.ggml.bos_token_id": unsigned(0),
        "tokenizer.ggml.eos_token_id": unsigned(0),
        "tokenizer.ggml.add_bos_token": boolean(False),
    }


def tensors(options):
    """Name, rows, columns and type of every tensor; vectors have no rows."""
    width, kind = options.width, options.type
    queries, keys = options.heads * options.head_size, options.kv_heads * options.head_size
    listed = [("token_embd.weight", options.vocabulary, width, kind)]
    for layer in range(options.layers):
        prefix = f"blk.{layer}."
        listed += [
            (prefix + "attn_norm.weight", None, width, "F32"),
            (prefix + "attn_q.weight", queries, width, kind),
            (prefix + "attn_k.weight", keys, width, kind),
            (prefix + "attn_v.weight", keys, width, kind),
            (prefix + "attn_output.weight", width, queries, kind),
            (prefix + "ffn_norm.weight", None, width, "F32"),
            (prefix + "ffn_gate.weight", options.feed_forward, width, kind),
            (prefix + "ffn_up.weight", options.feed_forward, width, kind),
            (prefix + "ffn_down.weight", width, options.feed_forward, kind),
        ]
        if options.architecture == "qwen3":
            listed += [(prefix + f"attn_{name}_norm.weight", None, options.head_size, "F32") for name in "qk"]
    listed.append(("output_norm.weight", None, width, "F32"))
    if not options.tied:
        listed.append(("output.weight", options.vocabulary, width, kind))
    return listed


def byte_count(rows, columns, kind):
    return 4 * columns if kind == "F32" else rows * (columns // BLOCK_WEIGHTS[kind]) * BLOCK_BYTES[kind]


def aligned(offset):
    return -(-offset // ALIGNMENT) * ALIGNMENT


def header(options, listed):
    entries = metadata(options)
    parts = [b"GGUF", struct.pack("<IQQ", 3, len(listed), len(entries))]
    parts += [string(key) + value for key, value in entries.items()]
    offset = 0
    for name, rows, columns, kind in listed:
        shape = (columns,) if rows is None else (columns, rows)
        parts.append(string(name) + struct.pack(f"<I{len(shape)}QIQ", len(shape), *shape, TENSOR_TYPES[kind], offset))
        offset = aligned(offset + byte_count(rows, columns, kind))
    data = b"".join(parts)
    return data.ljust(aligned(len(data)), b"\0"), offset


def pack_six_bits(scales, minimums):
    """The 12 bytes that hold eight scales and eight minimums of 6 bits in Q4_K."""
    low, high = range(4), range(4, 8)
    return bytes(
        [scales[i] | scales[i + 4] >> 4 << 6 for i in low]
        + [minimums[i] | minimums[i + 4] >> 4 << 6 for i in low]
        + [scales[i] & 15 | (minimums[i] & 15) << 4 for i in high]
    )


def block_headers(kind, columns):
    """256 beginnings of a block (scale, and minimum in Q4_1 and Q4_K), as one table for each of their bytes.

    The weights' standard deviation is 1/sqrt(columns), so that a product of a matrix with a vector keeps its size;
    16 equally likely steps of size 1 have a standard deviation of sqrt((16^2 - 1) / 12).
    """
    step = 1 / math.sqrt(columns * (16 * 16 - 1) / 12)
    scales = [step * (0.75 + 0.5 * index / 255) for index in range(256)]
    if kind == "Q4_0":
        # The steps are -8 to 7; scales of either sign keep the mean at zero.
        rows = [struct.pack("<e", -scale if index % 2 else scale) for index, scale in enumerate(scales)]
    elif kind == "Q4_1":
        rows = [struct.pack("<ee", scale, -7.5 * scale) for scale in scales]
    else:
        # Eight groups' scales and minimums: the same numbers of 6 bits, 40 to 63, times the block's own two scales.
        parts = [[40 + (7 * index + 5 * group) % 24 for group in range(8)] for index in range(256)]
        rows = [
            struct.pack("<ee", scale / 52, 7.5 * scale / 52) + pack_six_bits(numbers, numbers)
            for scale, numbers in zip(scales, parts)
        ]
    return [bytes(column) for column in zip(*rows)]


def weights(options, name, rows, columns, kind):
    """The bytes of a tensor, a few megabytes at a time."""
    if kind == "F32":
        yield struct.pack("<f", 1.0) * columns
        return
    generator = random.Random(f"{options.seed} {name}")
    tables = block_headers(kind, columns)
    size = BLOCK_BYTES[kind]
    left = rows * (columns // BLOCK_WEIGHTS[kind])
    while left > 0:
        count = min(left, CHUNK_WEIGHTS // BLOCK_WEIGHTS[kind])
        blocks = bytearray(generator.randbytes(count * size))
        choice = bytes(blocks[0::size])
        for index, table in enumerate(tables):
            blocks[index::size] = choice.translate(table)
        yield blocks
        left -= count


class Progress:
    """One line on standard error that says how far the file is and how long it will take, where that is a terminal."""

    def __init__(self, total):
        self.total = total
        self.done = 0
        self.start = self.shown = time.monotonic()

    def add(self, count):
        self.done += count
        now = time.monotonic()
        if sys.stderr.isatty() and (now - self.shown > 0.2 or self.done == self.total):
            self.shown = now
            left = (now - self.start) * (self.total - self.done) / self.done
            print(
                f"\r{self.done / 1e9:.2f} of {self.total / 1e9:.2f} GB, {left:.0f} s left   ",
                end="\n" if self.done == self.total else "", file=sys.stderr, flush=True)


def write(options):
    listed = tensors(options)
    head, data_bytes = header(options, listed)
    total = len(head) + data_bytes
    folder = options.output.parent
    folder.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(folder).free
    if free < total:
        sys.exit(f"{options.output} needs {total / 1e9:.2f} GB, {folder} has {free / 1e9:.2f} GB free")
    progress = Progress(total)
    # The file appears under its name only when it is whole.
    with tempfile.TemporaryDirectory(prefix=".random-model.", dir=folder) as work:
        partial = pathlib.Path(work) / "model.gguf"
        with open(partial, "wb") as file:
            file.write(head)
            progress.add(len(head))
            for name, rows, columns, kind in listed:
                for data in weights(options, name, rows, columns, kind):
                    file.write(data)
                    progress.add(len(data))
                padding = aligned(file.tell()) - file.tell()
                file.write(bytes(padding))
                progress.add(padding)
        os.replace(partial, options.output)
    parameters = sum((rows or 1) * columns for _, rows, columns, _ in listed)
    print(f"{options.output}: {parameters / 1e9:.2f} billion parameters, {total / 1e9:.2f} GB")


options = parse_options()
# So that a partial file goes when the program is told to end, too.
signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
if options.output.exists() and not options.force:
    print(f"{options.output} is there already (--force writes it anew)")
else:
    try:
        write(options)
    except (OSError, KeyboardInterrupt) as error:
        sys.exit(f"cannot write {options.output}: {str(error) or 'interrupted'}")
