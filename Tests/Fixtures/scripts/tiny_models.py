"""Small random models as GGUF files, with the logits that transformers computes from the same weights."""

import gguf
import numpy as np
import torch
from safetensors.numpy import save_file
from transformers import (
    LlamaConfig, LlamaForCausalLM, Qwen2Config, Qwen2ForCausalLM, Qwen3Config, Qwen3ForCausalLM)

from tokenizer_cases import train_vocabulary

TOKENS = 24
# Channels of a feed-forward block.
BLOCK = 16


def permute(weight, heads):
    """The row order that llama files use: rotary pairs side by side (llama.cpp's conversion of Q and K)."""
    shape = weight.shape
    return weight.reshape(heads, 2, shape[0] // heads // 2, *shape[1:]).swapaxes(1, 2).reshape(shape)


def unpermute(weight, heads):
    shape = weight.shape
    return weight.reshape(heads, shape[0] // heads // 2, 2, *shape[1:]).swapaxes(1, 2).reshape(shape)


def randomize(model, seed):
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            noise = torch.randn(parameter.shape, generator=generator)
            if "norm" in name:
                parameter.copy_(1 + 0.2 * noise)
            elif name.endswith("bias"):
                parameter.copy_(0.5 * noise)
            elif "embed" in name or "lm_head" in name:
                parameter.copy_(0.3 * noise)
            else:
                parameter.copy_(1.2 * noise / parameter.shape[-1] ** 0.5)
    return model.float().eval()


def gguf_tensors(model, architecture):
    """Tensors by their GGUF names, as numpy arrays."""
    config = model.config
    state = {name: value.detach().numpy() for name, value in model.state_dict().items()}
    tensors = {"token_embd.weight": state["model.embed_tokens.weight"], "output_norm.weight": state["model.norm.weight"]}
    if not config.tie_word_embeddings:
        tensors["output.weight"] = state["lm_head.weight"]
    for layer in range(config.num_hidden_layers):
        source, target = f"model.layers.{layer}.", f"blk.{layer}."
        names = {
            "input_layernorm.weight": "attn_norm.weight",
            "post_attention_layernorm.weight": "ffn_norm.weight",
            "self_attn.q_proj.weight": "attn_q.weight",
            "self_attn.k_proj.weight": "attn_k.weight",
            "self_attn.v_proj.weight": "attn_v.weight",
            "self_attn.o_proj.weight": "attn_output.weight",
            "self_attn.q_proj.bias": "attn_q.bias",
            "self_attn.k_proj.bias": "attn_k.bias",
            "self_attn.v_proj.bias": "attn_v.bias",
            "self_attn.q_norm.weight": "attn_q_norm.weight",
            "self_attn.k_norm.weight": "attn_k_norm.weight",
            "mlp.gate_proj.weight": "ffn_gate.weight",
            "mlp.up_proj.weight": "ffn_up.weight",
            "mlp.down_proj.weight": "ffn_down.weight",
        }
        for name, renamed in names.items():
            if source + name not in state:
                continue
            value = state[source + name]
            if architecture == "llama" and "q_proj" in name:
                value = permute(value, config.num_attention_heads)
            if architecture == "llama" and "k_proj" in name:
                value = permute(value, config.num_key_value_heads)
            tensors[target + renamed] = value
    return tensors


def write_header(writer, config, architecture, vocabulary=None):
    writer.add_block_count(config.num_hidden_layers)
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    parameters = config.rope_parameters
    writer.add_rope_freq_base(parameters["rope_theta"])
    head_size = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    writer.add_key_length(head_size)
    writer.add_value_length(head_size)
    writer.add_rope_dimension_count(head_size)
    if vocabulary is None:
        tokens = ["a", "b", "ab"] + [f"token{i}" for i in range(3, config.vocab_size)]
        vocabulary = {"pre": "gpt2", "tokens": tokens, "merges": ["a b"], "token_type": [1] * len(tokens)}
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre(vocabulary["pre"])
    writer.add_token_list(vocabulary["tokens"])
    writer.add_token_types(vocabulary["token_type"])
    writer.add_token_merges(vocabulary["merges"])
    # As the families' own files have it: Llama 3 begins texts with a token, Qwen does not and ends turns with <|im_end|>.
    writer.add_bos_token_id(0)
    writer.add_eos_token_id(1 if architecture == "llama" else 2)
    if vocabulary["pre"] != "gpt2":
        writer.add_add_bos_token(vocabulary["pre"] == "llama-bpe")


def logits(model, ids):
    with torch.no_grad():
        return model(torch.tensor([ids])).logits[0].numpy()


def run_with_units(model, ids, projection, pruned, replacement):
    """Logits with the inputs of pruned units of a projection replaced: heads of `self_attn.o_proj`, or blocks of
    channels of `mlp.down_proj`."""
    size = replacement.shape[-1]
    handles = []
    for index, layer in enumerate(model.model.layers):
        def replace(module, inputs, index=index):
            x = inputs[0].clone()
            for unit in np.flatnonzero(pruned[index]):
                x[..., unit * size:(unit + 1) * size] = torch.tensor(replacement[index, unit])
            return (x, *inputs[1:])
        handles.append(layer.get_submodule(projection).register_forward_pre_hook(replace))
    result = logits(model, ids)
    for handle in handles:
        handle.remove()
    return result


def taps(model, ids):
    """Means over tokens of what enters the feed-forward's norm, and the output and down projections."""
    modules = ["post_attention_layernorm", "self_attn.o_proj", "mlp.down_proj"]
    means, handles = {name: [] for name in modules}, []
    for layer in model.model.layers:
        for name in modules:
            handles.append(layer.get_submodule(name).register_forward_pre_hook(
                lambda module, inputs, name=name: means[name].append(inputs[0][0].double().mean(0).float().numpy())))
    logits(model, ids)
    for handle in handles:
        handle.remove()
    return [np.stack(means[name]) for name in modules]


def write_model(folder, name, model, architecture, extra=None, seed=0):
    config = model.config
    vocabulary = train_vocabulary("llama-bpe" if architecture == "llama" else "qwen2", config.vocab_size)
    writer = gguf.GGUFWriter(str(folder / f"{name}.gguf"), architecture)
    write_header(writer, config, architecture, vocabulary)
    for tensor, value in (gguf_tensors(model, architecture) | (extra or {})).items():
        writer.add_tensor(tensor, np.ascontiguousarray(value, dtype=np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()

    random = np.random.default_rng(seed)
    layers, heads = config.num_hidden_layers, config.num_attention_heads
    size = getattr(config, "head_dim", None) or config.hidden_size // heads
    ids = random.integers(2, config.vocab_size, TOKENS).tolist()
    # Different heads in each layer; in the middle layer a whole key/value group.
    pruned = np.zeros((layers, heads), np.int32)
    pruned[0, 1] = 1
    pruned[1, [2, 3]] = 1
    pruned[2, [0, 3]] = 1
    means = random.normal(0, 0.5, (layers, heads, size)).astype(np.float32)
    # Feed-forward blocks of 16 channels: a second half of a group of 32, a first one and a whole group; in the last
    # layer all of them.
    pruned_blocks = np.zeros((layers, config.intermediate_size // BLOCK), np.int32)
    pruned_blocks[0, 3] = 1
    pruned_blocks[1, [0, 4, 5]] = 1
    pruned_blocks[2] = 1
    block_means = random.normal(0, 0.5, (*pruned_blocks.shape, BLOCK)).astype(np.float32)
    residual, head_means, channels = taps(model, ids)
    attention, feed_forward = "self_attn.o_proj", "mlp.down_proj"
    save_file({
        "ids": np.array(ids, np.int32),
        "logits": logits(model, ids),
        "logits_zeroed": run_with_units(model, ids, attention, pruned, np.zeros_like(means)),
        "logits_mean": run_with_units(model, ids, attention, pruned, means),
        "logits_blocks_zeroed": run_with_units(
            model, ids, feed_forward, pruned_blocks, np.zeros_like(block_means)),
        "logits_blocks_mean": run_with_units(model, ids, feed_forward, pruned_blocks, block_means),
        "pruned": pruned,
        "means": means,
        "pruned_blocks": pruned_blocks,
        "block_means": block_means,
        "tap_residual": residual,
        "tap_channels": channels,
        "tap_heads": head_means.reshape(layers, heads, size),
    }, folder / f"{name}.reference.safetensors")


def make(folder):
    folder.mkdir(parents=True, exist_ok=True)
    shape = dict(
        vocab_size=400, hidden_size=64, intermediate_size=96, num_hidden_layers=3, num_attention_heads=4,
        num_key_value_heads=2, max_position_embeddings=128, rms_norm_eps=1e-5, attn_implementation="eager")
    llama = LlamaConfig(**shape, tie_word_embeddings=True, rope_parameters={"rope_type": "default", "rope_theta": 10000.0})
    write_model(folder, "llama-tiny", randomize(LlamaForCausalLM(llama), 1), "llama", seed=1)

    qwen = Qwen2Config(**shape, tie_word_embeddings=False, rope_parameters={"rope_type": "default", "rope_theta": 1000000.0})
    write_model(folder, "qwen2-tiny", randomize(Qwen2ForCausalLM(qwen), 2), "qwen2", seed=2)

    scaled = LlamaConfig(
        **shape, head_dim=32, tie_word_embeddings=True,
        rope_parameters={
            "rope_type": "llama3", "rope_theta": 10000.0, "factor": 8.0, "low_freq_factor": 1.0,
            "high_freq_factor": 4.0, "original_max_position_embeddings": 64})
    model = randomize(LlamaForCausalLM(scaled), 3)
    # What llama.cpp's conversion writes: how much longer each pair's period becomes.
    plain = 10000.0 ** (-np.arange(0, 32, 2) / 32)
    factors = (plain / model.model.rotary_emb.inv_freq.numpy()).astype(np.float32)
    write_model(folder, "llama-rope-scaled-tiny", model, "llama", {"rope_freqs.weight": factors}, seed=3)

    normed = Qwen3Config(
        **shape, head_dim=32, tie_word_embeddings=True,
        rope_parameters={"rope_type": "default", "rope_theta": 1000000.0})
    write_model(folder, "qwen3-tiny", randomize(Qwen3ForCausalLM(normed), 4), "qwen3", seed=4)
