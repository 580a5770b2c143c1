"""What transformers makes of the default model in float32: logits, likelihoods, a greedy answer, chat templates."""

import json

import gguf
import jinja2
import numpy as np
import torch
from safetensors.numpy import save_file
from transformers import LlamaConfig, LlamaForCausalLM

from tiny_models import unpermute
from tokenizer_cases import build

PROMPTS = [
    "The capital of France is",
    "Water boils at 100 degrees Celsius at sea level, but on a high mountain the pressure of the air is lower, so",
    "<|im_start|>system\nYou are a helpful AI assistant named SmolLM, trained by Hugging Face<|im_end|>\n"
    "<|im_start|>user\nName three noble gases and say what each is used for.<|im_end|>\n<|im_start|>assistant\n",
]

TEXTS = {
    "chemistry": [
        "An acid gives a proton to a base, and the stronger the acid, the more completely it does so in water.",
        "Sodium has one electron in its outer shell, which it loses easily to form a positive ion, and chlorine takes that electron to form a negative one."],
    "finance": [
        "A bond pays interest at fixed dates and returns its face value when it matures; its price falls when rates rise.",
        "Compound interest grows faster than simple interest because interest itself earns interest, which is why early savings matter more than late ones."],
    "history": [
        "The printing press spread through Europe in the second half of the fifteenth century and made books cheaper for merchants and students.",
        "After the fall of the western empire, local rulers kept much of the Roman law in their own codes, and the cities kept their bishops."],
    "math": [
        "The derivative of a product is the first factor times the derivative of the second, plus the derivative of the first times the second.",
        "A prime number greater than two is odd, since every even number is divisible by two and so has a factor other than one and itself."],
    "philosophy": [
        "If every event has a cause, it is hard to see how a choice could be free and yet belong to the person who makes it.",
        "The sceptic asks how we could know that our senses do not deceive us all the time, since every test of them relies on them again."],
    "technology": [
        "A hash table finds an entry in constant time on average, by computing its place from its key, as long as few keys share a place.",
        "Packets may arrive out of order, so the receiver numbers them and asks again for those that are missing."],
}

CONVERSATIONS = [
    [("user", "Hi there")],
    [("system", "Answer briefly."), ("user", "What is 2 + 2?")],
    [("user", "What is an acid?"), ("assistant", "A proton donor."), ("user", "And a base?")],
]


def load(path):
    reader = gguf.GGUFReader(path)
    fields = {name: field.contents() for name, field in reader.fields.items()}
    field = lambda name: fields["llama." + name]
    config = LlamaConfig(
        vocab_size=field("vocab_size"), hidden_size=field("embedding_length"),
        intermediate_size=field("feed_forward_length"), num_hidden_layers=field("block_count"),
        num_attention_heads=field("attention.head_count"), num_key_value_heads=field("attention.head_count_kv"),
        max_position_embeddings=field("context_length"), rms_norm_eps=field("attention.layer_norm_rms_epsilon"),
        tie_word_embeddings=True, attn_implementation="eager",
        rope_parameters={"rope_type": "default", "rope_theta": field("rope.freq_base")})
    model = LlamaForCausalLM(config).float().eval()
    renamed = {
        "attn_norm": "input_layernorm", "ffn_norm": "post_attention_layernorm", "attn_q": "self_attn.q_proj",
        "attn_k": "self_attn.k_proj", "attn_v": "self_attn.v_proj", "attn_output": "self_attn.o_proj",
        "ffn_gate": "mlp.gate_proj", "ffn_up": "mlp.up_proj", "ffn_down": "mlp.down_proj"}
    state = {}
    for tensor in reader.tensors:
        value = gguf.quants.dequantize(tensor.data, tensor.tensor_type).astype(np.float32)
        if tensor.name == "token_embd.weight":
            state["model.embed_tokens.weight"] = value
            state["lm_head.weight"] = value
            continue
        if tensor.name == "output_norm.weight":
            state["model.norm.weight"] = value
            continue
        _, layer, kind, _ = tensor.name.split(".")
        if kind == "attn_q":
            value = unpermute(value, config.num_attention_heads)
        if kind == "attn_k":
            value = unpermute(value, config.num_key_value_heads)
        state[f"model.layers.{layer}.{renamed[kind]}.weight"] = value
    model.load_state_dict({name: torch.tensor(value) for name, value in state.items()})
    tokenizer = build(
        "smollm", fields["tokenizer.ggml.tokens"], fields["tokenizer.ggml.merges"],
        fields["tokenizer.ggml.token_type"], recognizing_specials=True)
    return model, tokenizer, fields


def make(folder, path):
    model, tokenizer, fields = load(path)
    encode = lambda text: tokenizer.encode(text, add_special_tokens=False).ids
    tensors, texts = {}, []
    with torch.no_grad():
        for index, prompt in enumerate(PROMPTS):
            ids = encode(prompt)
            tensors[f"prompt{index}.ids"] = np.array(ids, np.int32)
            tensors[f"prompt{index}.logits"] = model(torch.tensor([ids])).logits[0, -1].numpy()
        for group, lines in TEXTS.items():
            for text in lines:
                ids = torch.tensor([encode(text)])
                scores = torch.log_softmax(model(ids).logits[0].double(), -1)
                nll = -scores[:-1].gather(1, ids[0, 1:, None]).sum().item()
                texts.append({"text": text, "group": group, "tokens": ids.shape[1] - 1, "nll": nll})
        ids = encode(PROMPTS[2])
        for _ in range(24):
            token = int(model(torch.tensor([ids])).logits[0, -1].argmax())
            ids.append(token)
            if token == fields["tokenizer.ggml.eos_token_id"]:
                break
    tensors["greedy.ids"] = np.array(ids[len(encode(PROMPTS[2])):], np.int32)
    save_file(tensors, folder / "default-model.reference.safetensors")

    environment = jinja2.Environment(trim_blocks=True, lstrip_blocks=True)
    template = environment.from_string(fields["tokenizer.chat_template"])
    chats = []
    for conversation in CONVERSATIONS:
        messages = [{"role": role, "content": content} for role, content in conversation]
        chats.append({"messages": messages, "rendered": template.render(messages=messages, add_generation_prompt=True)})
    with open(folder / "default-model.json", "w", encoding="utf-8") as file:
        json.dump({"prompts": PROMPTS, "texts": texts, "chats": chats}, file, indent=1)
        file.write("\n")
