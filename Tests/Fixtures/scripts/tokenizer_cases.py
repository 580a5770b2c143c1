"""Texts and the token ids that the original tokenizers give them."""

import json

import gguf
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

QWEN2 = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+"
         r"|\s+(?!\S)|\s+")
LLAMA3 = QWEN2.replace(r"|\p{N}|", r"|\p{N}{1,3}|")

SPECIALS = {
    "gpt2": ["<|endoftext|>"],
    "smollm": ["<|endoftext|>", "<|im_start|>", "<|im_end|>"],
    "qwen2": ["<|endoftext|>", "<|im_start|>", "<|im_end|>"],
    "llama-bpe": ["<|begin_of_text|>", "<|end_of_text|>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"],
}

CORPUS = [
    "The quick brown fox jumps over the lazy dog, and the dog doesn't mind at all.",
    "She'll say that they've been here since 1987, but I'm not sure it's true; we'd better ask.",
    "def area(radius):\n    return 3.14159 * radius ** 2\n\nfor i in range(10):\n\tprint(i, area(i))\n",
    "Größe, naïveté, façade, œuvre, Ångström, señor, smörgåsbord.",
    "Быстрая лиса перепрыгнула через ленивую собаку.",
    "素早い茶色の狐がのろまな犬を飛び越える。 敏捷的棕色狐狸跳过懒狗。",
    "الثعلب البني السريع يقفز فوق الكلب الكسول.",
    "तेज भूरी लोमड़ी आलसी कुत्ते के ऊपर कूदती है।",
    "빠른 갈색 여우가 게으른 개를 뛰어넘는다.",
    "In 2024 the price rose from 1,250 to 13,777.50 in 365 days; 1000000 units were sold.",
    "<html><body class=\"main\">Hello &amp; welcome</body></html>",
    "What is the theory of the thing that this text is about? The answer is in the question.",
]

TEXTS = [
    "", " ", "  ", "   ", "\n", "\n\n", "\r\n", "\t", "\t\t x", " a", "a ", "  a  b   c    d", "a\n", "\na", "a\n\nb", "a \n b", "a\r\nb\r\n\r\nc",
    "Hello, world!", "hello world", "HELLO WORLD", "The answer is 42.", "doesn't", "DOESN'T", "it's I'm they've we'd she'll you're",
    "IT'S I'M THEY'VE WE'D SHE'LL YOU'RE", "it’s they’ve", "'s", " 's", "''s", "'S'T'RE'VE'M'LL'D", "'\u017f", "rock'n'roll", "'tis the '90s",
    "0", "7", "42", "123", "1234", "12345", "123456", "1234567890", " 1", "  12", "a1b2c3", "3.14159", "1,000,000.50", "2nd 3rd 4th", "½", "①", "¾ cup",
    "٣٤٥", "Ⅷ", "x² + y³", "一二三", "१२३", "1½", "½½", "㊿", "٠١٢٣٤٥",
    "naïve café", "cafe\u0301", "e\u0301\u0301", "Ångström", "Ａ１", "ﬁne", "ǅ", "ß ẞ", "İstanbul ıI",
    "Привет, мир!", "Γειά σου Κόσμε", "שלום עולם", "مرحبا بالعالم", "नमस्ते दुनिया", "สวัสดีชาวโลก", "你好，世界！", "こんにちは世界", "안녕하세요 세계",
    "\u1112\u1161\u11ab\u1100\u1173\u11af", "ខ្មែរ", "አማርኛ", "中文English混合123测试", "日本語テキスト、句読点。", "ひらがな カタカナ 漢字",
    "😀", "😀😃😄", "👍🏽", "👨‍👩‍👧‍👦", "🏳️‍🌈", "🇫🇷🇯🇵", "a😀b", " 😀", "emoji 🎉 party 🥳!", "☃️ ❤️", "𝔘𝔫𝔦𝔠𝔬𝔡𝔢", "𠜎𠜱",
    "\u00a0", "a\u00a0b", "\u3000", "a\u3000b", "\u2003x", "\u2028", "\u2029y", "\u200b", "a\u200bb", "\ufeff", "\ufeffBOM", "\u0085", "a\u0085b",
    "\u0000", "a\u0000b", "\u0001\u0002\u0003", "\u001b[31mred\u001b[0m", "\u007f", "\u000b\u000c", "\u202eevil", "\ufffd", "\U0010ffff", "\ue000",
    "def f(x):\n    return x + 1\n", "if (a && b || !c) { return; }", "for (int i = 0; i < 10; ++i) {\n\tsum += i;\n}\n", "SELECT * FROM t WHERE a = 'b';",
    "https://example.com/path?query=1&x=y#frag", "user@example.com", "C:\\Windows\\System32", "/usr/local/bin", "#include <stdio.h>", "a->b::c()", "x**2//3%4",
    "<div class=\"x\">\n  <p>text</p>\n</div>", "{\"key\": [1, 2, {\"a\": null}]}", "```swift\nlet x = 1\n```", "\\n is not a newline", "a_b_c __init__ --flag",
    "...", "!!!", "?!?!", "-----", "=====", "«quoted» “quoted” ‘quoted’", "— – -", "$100 €50 £20 ¥1000", "100% ±5°", "© ® ™", "...\n...", "!\n\n?", " ,\n", "( )",
    "word\u00adbreak", "a\u0300b", "\u0301", " \u0301x", "Z̷̢a̸l̴g̵o̶", "ab" * 40, "a" * 100, " " * 40, "\n" * 12, "9" * 30, "🙂" * 12, "é" * 20, "=" * 60,
    "  leading and trailing  ", "tabs\tand\tspaces  mixed \t\n end", "line one\nline two\n\n\nline five\n", "trailing newline\n", " \n \n ", "\n \n", "x \n", "   x",
    "theory", "thetheory", " theory", "The theory", "<|im_start|>", "<|endoftext|>", "a<|im_end|>b", "<|im_start|>user\nHi<|im_end|>\n", "<|eot_id|> <|begin_of_text|>",
    "<|im_start", "<|unknown|>", "<|endoftext|><|endoftext|>", "<s></s>", "[INST] hi [/INST]",
]


def build(pre, tokens, merges, types, ignore_merges=False, recognizing_specials=False):
    """The original tokenizer over a vocabulary."""
    vocabulary = {token: index for index, token in enumerate(tokens)}
    pairs = [tuple(merge.split(" ", 1)) for merge in merges]
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=pairs, ignore_merges=ignore_merges))
    byte_level = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=pre in ("gpt2", "smollm"))
    if pre == "smollm":
        tokenizer.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Digits(individual_digits=True), byte_level])
    elif pre == "gpt2":
        tokenizer.pre_tokenizer = byte_level
    else:
        expression = QWEN2 if pre == "qwen2" else LLAMA3
        split = pre_tokenizers.Split(Regex(expression), behavior="isolated", invert=False)
        tokenizer.pre_tokenizer = pre_tokenizers.Sequence([split, byte_level])
    if pre == "qwen2":
        tokenizer.normalizer = normalizers.NFC()
    tokenizer.decoder = decoders.ByteLevel()
    if recognizing_specials:
        for token, kind in zip(tokens, types):
            if kind in (3, 4):
                tokenizer.add_special_tokens([AddedToken(token, normalized=False, special=True)])
    return tokenizer


def train_vocabulary(pre, size):
    """A small vocabulary of the given size, special tokens first."""
    specials = SPECIALS[pre]
    tokenizer = build(pre, [], [], [])
    trainer = trainers.BpeTrainer(
        vocab_size=size, special_tokens=specials, initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False)
    tokenizer.train_from_iterator(CORPUS * 4, trainer)
    trained = json.loads(tokenizer.to_str())["model"]
    tokens = sorted(trained["vocab"], key=trained["vocab"].get)
    merges = [merge if isinstance(merge, str) else " ".join(merge) for merge in trained["merges"]]
    tokens += [f"<|unused_{i}|>" for i in range(size - len(tokens))]
    types = [3 if token in specials or token.startswith("<|unused_") else 1 for token in tokens]
    return {"pre": pre, "tokens": tokens, "merges": merges, "token_type": types}


def write_cases(path, pre, vocabulary, ignore_merges=False):
    arguments = (pre, vocabulary["tokens"], vocabulary["merges"], vocabulary["token_type"], ignore_merges)
    plain, special = build(*arguments), build(*arguments, recognizing_specials=True)
    with open(path, "w", encoding="utf-8") as file:
        for text in TEXTS:
            file.write(json.dumps({"text": text, "special": False, "ids": plain.encode(text, add_special_tokens=False).ids}) + "\n")
            if "<|" in text:
                ids = special.encode(text, add_special_tokens=False).ids
                file.write(json.dumps({"text": text, "special": True, "ids": ids}) + "\n")


def make(folder, default_model):
    folder.mkdir(parents=True, exist_ok=True)
    for pre in ("gpt2", "qwen2", "llama-bpe"):
        vocabulary = train_vocabulary(pre, 600)
        ignore_merges = pre == "llama-bpe"
        if ignore_merges:
            # A word that no merge produces: only ignore_merges reaches it.
            vocabulary["tokens"].append("thetheory")
            vocabulary["token_type"].append(1)
        vocabulary["ignore_merges"] = ignore_merges
        vocabulary["special_tokens"] = SPECIALS[pre]
        vocabulary["nfc"] = pre == "qwen2"
        with open(folder / f"{pre}.json", "w", encoding="utf-8") as file:
            json.dump(vocabulary, file, ensure_ascii=True)
            file.write("\n")
        write_cases(folder / f"{pre}.cases.jsonl", pre, vocabulary, ignore_merges)
    fields = gguf.GGUFReader(default_model).fields
    vocabulary = {
        "tokens": fields["tokenizer.ggml.tokens"].contents(), "merges": fields["tokenizer.ggml.merges"].contents(),
        "token_type": fields["tokenizer.ggml.token_type"].contents()}
    write_cases(folder / "smollm.cases.jsonl", "smollm", vocabulary)
