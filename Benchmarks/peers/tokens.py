"""The tokens that every engine reads: the ones `subspacepath bench` takes from the same seed."""

MASK = (1 << 64) - 1


def random_tokens(seed, vocabulary_size, prompt_tokens, generate_tokens):
    """A prompt and its continuation."""
    state = seed

    def token():
        # SplitMix64.
        nonlocal state
        state = (state + 0x9E3779B97F4A7C15) & MASK
        value = state
        value = ((value ^ (value >> 30)) * 0xBF58476D1CE4E5B9) & MASK
        value = ((value ^ (value >> 27)) * 0x94D049BB133111EB) & MASK
        return (value ^ (value >> 31)) % vocabulary_size

    prompt = [token() for _ in range(prompt_tokens)]
    return prompt, [token() for _ in range(generate_tokens)]
