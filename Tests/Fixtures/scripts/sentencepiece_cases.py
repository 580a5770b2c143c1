"""Small SentencePiece vocabularies, and the token ids that SentencePiece gives texts with them."""

import io
import json
import re

import gguf
import sentencepiece

from tokenizer_cases import CORPUS, TEXTS

# What the vocabularies differ in. The first is as Llama 2's is.
VOCABULARIES = {
    "sentencepiece": dict(byte_fallback=True, add_dummy_prefix=True),
    "sentencepiece-unknown": dict(byte_fallback=False, add_dummy_prefix=False),
}
USER_DEFINED = ["<tool>", "\u2581\u2581\u2581\u2581", "==="]
CONTROL = ["<s>", "</s>"]


def train(options):
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(CORPUS * 4), model_writer=model, model_type="bpe", vocab_size=700,
        character_coverage=0.98, normalization_rule_name="identity", remove_extra_whitespaces=False, split_digits=True,
        allow_whitespace_only_pieces=True, user_defined_symbols=USER_DEFINED, num_threads=1,
        minloglevel=1, **options)
    return sentencepiece.SentencePieceProcessor(model_proto=model.getvalue())


def vocabulary(model, options):
    def kind(index):
        checks = [
            (2, model.is_unknown), (3, model.is_control), (5, model.is_unused), (6, model.is_byte),
            (4, lambda index: model.id_to_piece(index) in USER_DEFINED)]
        return next((kind for kind, check in checks if check(index)), 1)

    indices = range(model.get_piece_size())
    return {
        "tokens": [model.id_to_piece(index) for index in indices],
        "scores": [model.get_score(index) for index in indices],
        "token_type": [kind(index) for index in indices],
        "adds_space_prefix": options["add_dummy_prefix"]}


def encode_with_control(model, text):
    """Llama 2's own code encodes what lies between control tokens as texts of their own."""
    ids = []
    for piece in re.split("(" + "|".join(map(re.escape, CONTROL)) + ")", text):
        ids += [model.piece_to_id(piece)] if piece in CONTROL else model.encode(piece)
    return ids


def write_gguf(path, vocabulary):
    """The metadata that llama.cpp's conversion writes of such a tokenizer, and no tensors."""
    writer = gguf.GGUFWriter(str(path), "llama")
    writer.add_tokenizer_model("llama")
    writer.add_tokenizer_pre("default")
    writer.add_token_list(vocabulary["tokens"])
    writer.add_token_scores(vocabulary["scores"])
    writer.add_token_types(vocabulary["token_type"])
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_unk_token_id(0)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def make(folder):
    texts = TEXTS + [
        "a\u2581b", "\u2581", "<tool>", " <tool>x", "a<tool><tool> b", "=" * 7, "     x", "</s>a", "<s>a b</s> c",
        "<s><s>", "<unk>", "<0x41>", "quick brown" * 30]
    for name, options in VOCABULARIES.items():
        model = train(options)
        contents = vocabulary(model, options)
        with open(folder / f"{name}.json", "w", encoding="utf-8") as file:
            json.dump(contents, file, ensure_ascii=True)
            file.write("\n")
        with open(folder / f"{name}.cases.jsonl", "w", encoding="utf-8") as file:
            for text in texts:
                file.write(json.dumps({"text": text, "special": False, "ids": model.encode(text)}) + "\n")
                if any(token in text for token in CONTROL):
                    ids = encode_with_control(model, text)
                    file.write(json.dumps({"text": text, "special": True, "ids": ids}) + "\n")
        if name == "sentencepiece":
            write_gguf(folder / f"{name}.gguf", contents)
