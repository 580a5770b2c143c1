"""The engines, one file each; a worker process imports only its own.

An engine is a class made from a model file and a task, whose `threads` it computes with; `longest` is the longest
sequence it will see, and `seed` that of the random tokens:

- `settings`: the names of the option sets that may be its fastest
- `warms_up`: whether every measurement begins with an uncounted one; the others get one, of the same lengths
- `version`: what was measured
- `measure(setting, prompt, continuation)`: reads the prompt, then writes the continuation one token at a time;
  returns the seconds each took

A missing package raises ImportError.
"""

import importlib

# Name on the command line: module and class.
ENGINES = {
    "subspacepath": ("subspacepath", "SubspacePath"),
    "llama.cpp": ("llama", "Llama"),
    "openvino": ("openvino", "OpenVINO"),
    "transformers": ("pytorch", "Transformers"),
}


def engine_class(name):
    module, attribute = ENGINES[name]
    return getattr(importlib.import_module(f"{__name__}.{module}"), attribute)
