"""OpenVINO GenAI's text generation, from a GGUF file."""

import numpy
import openvino
import openvino_genai


class OpenVINO:
    settings = ["paged attention", "SDPA"]
    warms_up = False

    def __init__(self, file, task):
        self.version = f"openvino-genai {openvino_genai.__version__}"
        self.file = file
        self.threads = task["threads"]
        self.longest = task["longest"]
        self.pipelines = {}

    def pipeline(self, setting):
        if setting not in self.pipelines:
            options = {"INFERENCE_NUM_THREADS": self.threads, "PERFORMANCE_HINT": "LATENCY"}
            if setting == "SDPA":
                options["ATTENTION_BACKEND"] = "SDPA"
            else:
                scheduler = openvino_genai.SchedulerConfig()
                # Whole prompts at once, and none remembered from the turn before.
                scheduler.enable_prefix_caching = False
                scheduler.max_num_batched_tokens = self.longest
                options |= {"ATTENTION_BACKEND": "PA", "scheduler_config": scheduler}
            self.pipelines[setting] = openvino_genai.LLMPipeline(str(self.file), "CPU", **options)
        return self.pipelines[setting]

    def measure(self, setting, prompt, continuation):
        # It writes its own tokens rather than the continuation's, which takes a dense model the same time.
        options = openvino_genai.GenerationConfig()
        options.max_new_tokens = options.min_new_tokens = len(continuation) + 1
        options.ignore_eos = True
        options.do_sample = False
        ids = openvino.Tensor(numpy.array([prompt], dtype=numpy.int64))
        mask = openvino.Tensor(numpy.ones((1, len(prompt)), dtype=numpy.int64))
        result = self.pipeline(setting).generate(openvino_genai.TokenizedInputs(ids, mask), options)
        # Microseconds of the model alone, for each token it wrote; the first read the prompt.
        durations = result.perf_metrics.raw_metrics.token_infer_durations
        if len(durations) != len(continuation) + 1:
            raise RuntimeError(f"wrote {len(durations)} tokens, expected {len(continuation) + 1}")
        return durations[0] / 1e6, sum(durations[1:]) / 1e6
