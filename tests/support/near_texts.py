"""Documents, some of which are near copies of others."""

import numpy as np

WORDS = [f"word{number}" for number in range(500)]


def near_texts(documents: int = 60, seed: int = 3) -> list[str]:
    """Returns documents, near copies of some, copies of these, and equal ones, shuffled."""
    rng = np.random.Generator(np.random.PCG64(seed))
    sizes = rng.integers(40, 90, documents).tolist()
    made = [[WORDS[n] for n in rng.integers(0, 500, size)] for size in sizes]
    texts = [" ".join(words) for words in made]
    for words in made[: documents // 3]:
        for step in range(int(rng.integers(1, 4))):
            words[int(rng.integers(0, len(words)))] = f"other{step}"
            texts.append(" ".join(words))
    texts += ["春眠不觉晓，处处闻啼鸟。夜来风雨声，花落知多少。" * 2]
    texts += ["春眠不觉晓，处处闻啼鸟。夜来风雨声，花落知多少。" * 2 + "好"]
    texts += [texts[0], texts[1], "...", "!!!", "short one", "short two"]
    return [texts[n] for n in rng.permutation(len(texts))]
