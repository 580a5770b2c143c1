"""One-layer models whose matrices are of each tensor type, and blocks of each type with their values."""

import gguf
import numpy as np
import torch
from safetensors.numpy import save_file
from transformers import LlamaConfig, LlamaForCausalLM

from tiny_models import gguf_tensors, logits, randomize, unpermute, write_header

TYPES = ["F32", "F16", "BF16", "Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q8_0", "Q4_K", "Q5_K", "Q6_K"]
TOKENS = 12


def random_blocks(kind, count, random, scale):
    """Bytes of `count` weights: random quants with small positive scales. gguf-py does not quantise the K types."""
    block, size = gguf.GGML_QUANT_SIZES[kind]
    data = random.integers(0, 256, (count // block, size), dtype=np.uint8)
    halves = lambda low, high: random.uniform(low, high, (count // block, 1)).astype(np.float16).view(np.uint8)
    if kind == gguf.GGMLQuantizationType.Q6_K:
        # Sixteen signed scales before the half; their product with quants of -32...31 is the weight.
        data[:, 192:208] = random.integers(-20, 21, (count // block, 16), dtype=np.int8).view(np.uint8)
        data[:, 208:210] = halves(scale / 250, scale / 200)
    else:
        spread = 500 if kind == gguf.GGMLQuantizationType.Q5_K else 250
        data[:, 0:2] = halves(scale / spread, scale / spread * 1.2)
        data[:, 2:4] = halves(scale / 32, scale / 25)
    return data.reshape(-1)


def extreme_blocks(kind, random):
    """Four blocks: an ordinary one, then scales that are the smallest half, the largest, and zero."""
    data = random_blocks(kind, 4 * 256, random, 1.0).reshape(4, -1)
    places = [208] if kind == gguf.GGMLQuantizationType.Q6_K else [0, 2]
    for block, scale in enumerate([np.finfo(np.float16).smallest_subnormal, np.finfo(np.float16).max, 0], start=1):
        for place in places:
            data[block, place:place + 2] = np.array([scale], np.float16).view(np.uint8)
    return data


def encode(value, name, random):
    """A float32 matrix as bytes of a type, and the values that those bytes stand for."""
    kind = gguf.GGMLQuantizationType[name]
    if name.endswith("_K"):
        raw = random_blocks(kind, value.size, random, value.std())
    else:
        raw = gguf.quants.quantize(value, kind).reshape(-1).view(np.uint8)
    block, size = gguf.GGML_QUANT_SIZES[kind]
    rows = raw.reshape(value.shape[0], value.shape[1] // block * size)
    decoded = gguf.quants.dequantize(rows, kind).reshape(value.shape).astype(np.float32)
    return rows, decoded


def write_type(folder, name, seed):
    random = np.random.default_rng(seed)
    width = 256 if name.endswith("_K") else 64
    config = LlamaConfig(
        vocab_size=96, hidden_size=width, intermediate_size=256 if width == 256 else 96, num_hidden_layers=1,
        num_attention_heads=4, num_key_value_heads=2, max_position_embeddings=64, rms_norm_eps=1e-5,
        tie_word_embeddings=True, attn_implementation="eager",
        rope_parameters={"rope_type": "default", "rope_theta": 10000.0})
    model = randomize(LlamaForCausalLM(config), seed)
    kind = gguf.GGMLQuantizationType[name]
    writer = gguf.GGUFWriter(str(folder / f"{name}.gguf"), "llama")
    write_header(writer, config, "llama")
    state = model.state_dict()
    for tensor, value in gguf_tensors(model, "llama").items():
        value = np.ascontiguousarray(value, dtype=np.float32)
        if value.ndim == 1:
            writer.add_tensor(tensor, value)
            continue
        rows, decoded = encode(value, name, random)
        writer.add_tensor(tensor, rows.view({"F32": np.float32, "F16": np.float16}.get(name, np.uint8)), raw_dtype=kind)
        if tensor.endswith("attn_q.weight"):
            decoded = unpermute(decoded, 4)
        if tensor.endswith("attn_k.weight"):
            decoded = unpermute(decoded, 2)
        original = {
            "token_embd.weight": "model.embed_tokens.weight",
            "blk.0.attn_q.weight": "model.layers.0.self_attn.q_proj.weight",
            "blk.0.attn_k.weight": "model.layers.0.self_attn.k_proj.weight",
            "blk.0.attn_v.weight": "model.layers.0.self_attn.v_proj.weight",
            "blk.0.attn_output.weight": "model.layers.0.self_attn.o_proj.weight",
            "blk.0.ffn_gate.weight": "model.layers.0.mlp.gate_proj.weight",
            "blk.0.ffn_up.weight": "model.layers.0.mlp.up_proj.weight",
            "blk.0.ffn_down.weight": "model.layers.0.mlp.down_proj.weight",
        }[tensor]
        with torch.no_grad():
            state[original].copy_(torch.tensor(decoded))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    ids = random.integers(0, config.vocab_size, TOKENS).tolist()
    save_file({"ids": np.array(ids, np.int32), "logits": logits(model, ids)}, folder / f"{name}.reference.safetensors")


def make(folder):
    folder.mkdir(parents=True, exist_ok=True)
    values = {}
    for seed, name in enumerate(TYPES):
        write_type(folder, name, 100 + seed)
        random = np.random.default_rng(200 + seed)
        kind = gguf.GGMLQuantizationType[name]
        if name.endswith("_K"):
            raw = extreme_blocks(kind, random)
            decoded = gguf.quants.dequantize(raw, kind)
        else:
            raw, decoded = encode(random.normal(0, 1, (4, 256)).astype(np.float32) * [[1e-3], [1], [30], [0]], name, random)
        # The reader takes 32-bit integers, so a byte is one of them.
        values[f"{name}.raw"] = np.ascontiguousarray(raw).view(np.uint8).reshape(-1).astype(np.int32)
        values[f"{name}.values"] = decoded.reshape(-1)
    save_file(values, folder / "dequantized.safetensors")
