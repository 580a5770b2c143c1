"""llama.cpp, through llama-cpp-python built for this processor."""

import ctypes
import time

import llama_cpp


class Llama:
    # Whether attention is fused, and how many tokens of a prompt are read at a time.
    settings = [
        "flash attention, batches of 512", "flash attention, batches of 128", "no flash attention, batches of 512"]
    warms_up = False

    def __init__(self, file, task):
        features = llama_cpp.llama_print_system_info().decode()
        self.version = f"llama-cpp-python {llama_cpp.__version__}, {features.strip()}"
        self.silence = llama_cpp.llama_log_callback(lambda level, text, data: None)
        llama_cpp.llama_log_set(self.silence, None)
        llama_cpp.llama_backend_init()
        self.model = llama_cpp.llama_model_load_from_file(
            str(file).encode(), llama_cpp.llama_model_default_params())
        if not self.model:
            raise RuntimeError(f"cannot load {file}")
        self.threads = task["threads"]
        self.longest = -(-task["longest"] // 256) * 256
        self.contexts = {}

    def context(self, setting):
        """One for each setting, so that none has to be set up while the clock runs."""
        if setting not in self.contexts:
            options = llama_cpp.llama_context_default_params()
            options.n_ctx = self.longest
            options.n_batch = self.longest
            options.n_ubatch = int(setting.split()[-1])
            options.n_threads = options.n_threads_batch = self.threads
            options.flash_attn_type = (
                llama_cpp.LLAMA_FLASH_ATTN_TYPE_ENABLED
                if setting.startswith("flash")
                else llama_cpp.LLAMA_FLASH_ATTN_TYPE_DISABLED
            )
            context = llama_cpp.llama_init_from_model(self.model, options)
            if not context:
                raise RuntimeError(f"no context with {setting}")
            self.contexts[setting] = context
        return self.contexts[setting]

    def decode(self, context, tokens):
        """Reads the tokens after what the context holds; logits are computed for the last one only."""
        array = (llama_cpp.llama_token * len(tokens))(*tokens)
        status = llama_cpp.llama_decode(context, llama_cpp.llama_batch_get_one(array, len(tokens)))
        if status != 0:
            raise RuntimeError(f"llama_decode returned {status}")
        # Waits for the result.
        ctypes.cast(llama_cpp.llama_get_logits(context), ctypes.c_void_p)

    def measure(self, setting, prompt, continuation):
        context = self.context(setting)
        llama_cpp.llama_memory_clear(llama_cpp.llama_get_memory(context), True)
        start = time.perf_counter()
        self.decode(context, prompt)
        read = time.perf_counter()
        for token in continuation:
            self.decode(context, [token])
        return read - start, time.perf_counter() - read
