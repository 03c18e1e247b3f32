"""Rows of labelled records as slow, obvious loops make them, a call of the tokenizer a text."""

from collections.abc import Mapping, Sequence
from typing import Any

from tokenizers import Encoding, Tokenizer

from transforms.text.normalize import normalize_texts
from transforms.tokens.tokenize_text import load_tokenizer

Row = dict[str, Any]


class Rows:
    """Makes the rows of records, in any order of the records."""

    def __init__(self, tokenizer_json: str, length: int, classes: Sequence[str] = ()) -> None:
        self.tokenizer: Tokenizer = load_tokenizer(tokenizer_json)
        self.length, self.classes = length, classes
        known = self.tokenizer.get_vocab(with_added_tokens=True)
        self.cls = next(known[name] for name in ("[CLS]", "<s>") if name in known)
        self.sep = next(known[name] for name in ("[SEP]", "</s>") if name in known)

        added = self.tokenizer.get_added_tokens_decoder().items()
        unknown = next(known[name] for name in ("[UNK]", "<unk>") if name in known)
        self.instead = {number: unknown for number, token in added if token.special}

    def ids(self, text: str) -> list[int]:
        return self.text_ids(self.tokenizer.encode(text, add_special_tokens=False))

    def text_ids(self, encoding: Encoding) -> list[int]:
        """Returns ids; special tokens that the model makes of text are unknown, blanks nothing."""
        if all(token == "▁" for token in encoding.tokens):
            return []
        return [self.instead.get(number, number) for number in encoding.ids]

    def row(self, first: list[int], second: list[int] | None = None) -> Row:
        ids = [self.cls, *first, self.sep]
        start = len(ids)
        if second is not None:
            ids += [*second, self.sep]
        return {"input_ids": ids, "second_segment_start": start}

    def pair(self, first: list[int], second: list[int], keep: str = "head") -> Row:
        kept = [len(first), len(second)]
        while sum(kept) > self.length - 3:
            kept[0 if kept[0] > kept[1] else 1] -= 1
        return self.row(_keep(first, kept[0], keep), _keep(second, kept[1], keep))

    def classify(self, record: Mapping[str, Any], keep: str = "head") -> list[Row]:
        label = self.classes.index(record["label"])
        first = self.ids(normal(record["text_a"]))
        if "text_b" not in record:
            row = self.row(_keep(first, min(len(first), self.length - 2), keep))
        else:
            row = self.pair(first, self.ids(normal(record["text_b"])), keep)
        return [{**row, "label": label}]

    def rank(self, record: Mapping[str, Any]) -> list[Row]:
        query, texts = self.ids(normal(record["query"])), record["candidates"]
        return [
            {
                **self.pair(query, self.ids(normal(text))),
                "candidates": len(texts),
                "label": int(number == record["label"]),
            }
            for number, text in enumerate(texts)
        ]

    def tag(self, record: Mapping[str, Any]) -> list[Row]:
        rows, ids, labels, before = list[Row](), list[int](), list[int](), ""
        for word, tag in zip(record["words"], record["tags"], strict=True):
            word = normal(word)
            if not word:
                continue
            space = before and not (east_asian(before[-1]) or east_asian(word[0]))
            pieces = self.ids(f" {word}" if space else word)
            before = word
            if not pieces:
                continue
            if ids and len(ids) + len(pieces) > self.length - 2:
                rows.append({**self.row(ids), "labels": [-1, *labels, -1]})
                ids, labels = [], []
            pieces = pieces[: self.length - 2]
            ids = ids + pieces
            labels = [*labels, self.classes.index(tag), *[-1] * (len(pieces) - 1)]
        if ids:
            rows.append({**self.row(ids), "labels": [-1, *labels, -1]})
        return rows

    def span(self, record: Mapping[str, Any], stride: int, question: int) -> list[Row]:
        room = self.length - 3
        asked = self.ids(normal(record["question"]))[: min(question, room // 2)]
        context, answers = record["context"], record["answers"]
        text = normal(context)
        encoding = self.tokenizer.encode(text, add_special_tokens=False)
        inside: list[int] = []
        if answers["text"]:
            begin = answers["answer_start"][0]
            low = len(normal(context[:begin] + "x")) - 1
            high = len(normal(context[: begin + len(answers["text"][0])] + "x")) - 1
            inside = [
                number
                for number, (one, two) in enumerate(encoding.offsets)
                if any(low <= at < high for at in range(one, two) if text[at] != " ")
            ]
        ids = self.text_ids(encoding)
        rows, start, room = list[Row](), 0, room - len(asked)
        while True:
            end = min(start + room, len(ids))
            row = self.row(asked, ids[start:end])
            found = bool(inside) and start <= inside[0] and inside[-1] < end
            shift = row["second_segment_start"] - start
            place = (inside[0] + shift, inside[-1] + 1 + shift) if found else (0, 0)
            rows.append(
                {**row, "context_start": start, "answer_start": place[0], "answer_end": place[1]}
            )
            if end == len(ids):
                return rows
            start += min(stride, room)


def normal(text: str) -> str:
    """Returns a text on one line, normalised."""
    for end in "\r\n\x85\u2028\u2029":
        text = text.replace(end, " ")
    return normalize_texts([text.encode()])[0].decode()


def east_asian(character: str) -> bool:
    code = ord(character)
    return (
        0x3000 <= code <= 0x30FF
        or 0x3400 <= code <= 0x4DBF
        or 0x4E00 <= code <= 0x9FFF
        or 0xF900 <= code <= 0xFAFF
        or 0xFF00 <= code <= 0xFFEF
        or 0x20000 <= code <= 0x2FA1F
    )


def _keep(ids: list[int], count: int, keep: str) -> list[int]:
    if count >= len(ids) or keep == "head":
        return ids[:count]
    head = 0 if keep == "tail" else count // 4
    return ids[:head] + ids[len(ids) - (count - head) :]
