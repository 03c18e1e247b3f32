"""Texts of which every piece is awkward for some tokenizer, as Hypothesis strategies."""

from hypothesis import strategies as st

# Runs of stops, white space of all kinds, characters that normalizers drop, widen, compose or turn
# into spaces, scripts with marks, and what looks like a special token.
FRAGMENTS = [
    *("the", "cat", "don't", "I'll", "3.5", "１２３", "ＡＢＣ", "ｶﾞ", "中", "国"),
    *("我们的", "的", "㐂", "龘", "𠀀", "𫠠", "𪜶", "豈", "\U0002f800", "。", "！"),
    *("？", "，", ".", "!", "?", ";", "…", "´", "¨", "½", "㈱", "각", "한국어"),
    *("العربية", "हिन्दी", "ไทย", "ß", "İ", "Σ", "ς", "Å", "ﬁ", "②", "Ⅳ"),
    *("ﷺ", "字\ufe00", "か゛", "[CLS]", "[MASK]", "<s>", "</s>", "[UNK]"),
    *("##", "▁", "Ġ", "_", "'s", "'", '"', "(", ")", "-", "a-b", "C++"),
    *("T恤", "卡拉OK", "TiDB集群", "3.5倍", "😀", "👨\u200d👩"),
    *(" ", "  ", "\n", "\n\n", "\t", "\u00a0", "\u3000", "\u2028", "\u0085", "\r\n"),
    *("\u200b", "\ufeff", "\u200d", "\u2060", "\u00ad", "\u180e", "\u0600", "\u3164", "\ue000"),
    *("\u0301", " \u0301", "e\u0301", "\u064b", "\u0345", "\u3099", "\ufe0f", "\U000e0100"),
    *(
        "\ufffd",
        "\u0d4e",
        "\U000110bd",
        "\u1160",
        "か\u3099",
        "＜ｓ＞",
        "＜/s＞",
        "［CLS］",
        "x" * 105,
        "中" * 40,
    ),
]
TEXTS = st.lists(st.sampled_from(FRAGMENTS), min_size=1, max_size=25).map("".join)
SHARDS = st.lists(TEXTS, min_size=1, max_size=4)
