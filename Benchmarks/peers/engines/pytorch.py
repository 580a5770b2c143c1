"""transformers with PyTorch, weights dequantised from the GGUF file."""

import time

import torch
import transformers


class Transformers:
    # Where oneDNN has no bfloat16 for the processor, PyTorch multiplies it a number at a time: minutes for a prompt.
    settings = ["bfloat16", "float32"] if torch.ops.mkldnn._is_mkldnn_bf16_supported() else ["float32"]
    warms_up = False

    def __init__(self, file, task):
        self.version = f"transformers {transformers.__version__}, torch {torch.__version__}"
        torch.set_num_threads(task["threads"])
        transformers.utils.logging.set_verbosity_error()
        self.file = file
        self.models = {}

    def model(self, setting):
        if setting not in self.models:
            model = transformers.AutoModelForCausalLM.from_pretrained(
                self.file.parent, gguf_file=self.file.name, dtype=getattr(torch, setting), local_files_only=True)
            self.models[setting] = model.eval()
        return self.models[setting]

    def measure(self, setting, prompt, continuation):
        model = self.model(setting)
        with torch.inference_mode():
            start = time.perf_counter()
            output = model(torch.tensor([prompt]), use_cache=True, logits_to_keep=1)
            read = time.perf_counter()
            for token in continuation:
                output = model(
                    torch.tensor([[token]]), past_key_values=output.past_key_values, use_cache=True, logits_to_keep=1)
            return read - start, time.perf_counter() - read
