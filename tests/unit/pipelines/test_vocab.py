import itertools
import json
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer

from pipelines.build import main as build
from pipelines.running import progress
from pipelines.verify import main as verify
from pipelines.vocab import main
from schemas.lock import hold_file
from schemas.vocabulary import read_vocabulary
from tests.support.sample_builds import SAMPLE, sample_documents, tokenizer_file
from transforms.tokens.sample_documents import DocumentSample
from transforms.tokens.train_tokenizer import (
    BERT_SPECIAL,
    MODELS,
    Training,
    measure_coverage,
    train_tokenizer,
)
from transforms.tokens.training_text import frequent_characters, lines_of

Captured = pytest.CaptureFixture[str]
WORDS = b"low low low low low lower lower newest newest newest newest widest widest widest"


def sample_of(groups: Sequence[Sequence[bytes]], max_bytes: int) -> list[bytes]:
    sample = DocumentSample(max_bytes)
    for group in groups:
        sample.add(group)
    return sample.documents()


def test_sentinels_have_the_highest_ids() -> None:
    training = Training(model="wordpiece", size=40, lowercase=True, sentinels=3, eod_token="<eod>")
    vocabulary = read_vocabulary(train_tokenizer([WORDS], training))
    last = vocabulary.size - 1
    assert vocabulary.sentinels == (last, last - 1, last - 2)
    assert vocabulary.size <= 40
    with pytest.raises(ValueError, match=r"size must be in \[109, 16777216\]"):
        Training(model="wordpiece", size=100, lowercase=True, sentinels=103)


@given(
    st.lists(st.binary(min_size=1, max_size=9), min_size=1, max_size=30),
    st.integers(1, 60),
    st.data(),
)
def test_a_sample_depends_on_documents_alone(
    texts: list[bytes], max_bytes: int, data: st.DataObject
) -> None:
    everything = sample_of([texts], 1 << 20)
    assert sorted(everything) == sorted(set(texts))
    totals = list(itertools.accumulate(map(len, everything)))
    fitting = max(sum(total <= max_bytes for total in totals), 1)
    shuffled = data.draw(st.permutations(texts + texts[:3]))
    cut = data.draw(st.integers(0, len(shuffled)))
    parts = [[text] for text in shuffled[:cut]] + [shuffled[cut:]]
    assert sample_of(parts, max_bytes) == everything[:fitting]


def test_a_sample_tells_whether_it_is_complete() -> None:
    sample = DocumentSample(10)
    sample.add([b"0123456789"])
    assert sample.documents() == [b"0123456789"]
    assert sample.complete
    sample.add([b"more text than fits"])
    sample.documents()
    assert not sample.complete


def test_rare_characters_become_spaces() -> None:
    documents = [b"aab b\naa", "aé中中".encode()]
    assert frequent_characters(documents, 100, 2) == "ab中"
    assert list(lines_of(documents, "ab中")) == ["aab b", "aa", "a 中中"]
    assert list(lines_of(documents)) == ["aab b", "aa", "aé中中"]


def test_the_most_frequent_characters_take_at_most_half_the_vocabulary() -> None:
    documents = [b"aaaabbbccd"]
    assert frequent_characters(documents, 4, 1) == "ab"
    assert frequent_characters(documents, 4, 1, lambda _: 2) == "a"


@pytest.mark.parametrize("model", sorted(MODELS))
def test_training_gives_the_same_bytes_again(model: str) -> None:
    documents = list(sample_documents())
    training = Training(model=model, size=2500, lowercase=model == "wordpiece")
    texts = {train_tokenizer(documents, training) for _ in range(3)}
    assert len(texts) == 1


@pytest.mark.parametrize("model", sorted(MODELS))
def test_the_result_does_not_depend_on_files(model: str, tmp_path: Path) -> None:
    documents = list(sample_documents())
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    (tmp_path / "one" / "all.txt").write_bytes(b"\n\n".join(documents))
    (tmp_path / "two" / "a.txt").write_bytes(b"\n\n".join(documents[:30:-1]))
    (tmp_path / "two" / "b.txt").write_bytes(b"\n\n".join(documents[40::-1]))
    for name in ("one", "two"):
        options = ["--model", model, "--size", "2000", "--output", str(tmp_path / f"{name}.json")]
        assert main(["--input", str(tmp_path / name / "*.txt"), *options]) == 0
    assert (tmp_path / "one.json").read_bytes() == (tmp_path / "two.json").read_bytes()


def test_frequent_pairs_are_merged_first() -> None:
    training = Training(model="wordpiece", size=40, lowercase=True)
    vocabulary = Tokenizer.from_str(train_tokenizer([WORDS], training)).get_vocab()
    assert {"low", "##est", "newest"} <= set(vocabulary)
    assert [vocabulary[token] for token in BERT_SPECIAL] == [0, 1, 2, 3, 4]


def test_the_special_tokens_are_where_the_models_want_them() -> None:
    bpe = Tokenizer.from_file(str(tokenizer_file("bpe")))
    names = ("<s>", "<pad>", "</s>", "<unk>", "<mask>")
    assert [bpe.token_to_id(name) for name in names] == [0, 1, 2, 3, 4]
    assert bpe.encode("a b").tokens == ["<s>", "a", "Ġb", "</s>"]
    assert bpe.encode("a <mask>").ids[2] == 4
    for model in ("wordpiece", "unigram"):
        tokenizer = Tokenizer.from_file(str(tokenizer_file(model)))
        tokens = tokenizer.encode("a").tokens
        assert tokens[0] == "[CLS]"
        assert tokens[-1] == "[SEP]"
        added = tokenizer.get_added_tokens_decoder().values()
        assert tuple(token.content for token in added) == BERT_SPECIAL


@pytest.mark.parametrize("model", ["bpe", "unigram"])
def test_text_comes_back_from_its_tokens(model: str) -> None:
    tokenizer = Tokenizer.from_file(str(tokenizer_file(model)))
    for text in ("The bridge at Sallow Ford was two planks.", "青石渡的河流"):
        assert tokenizer.decode(tokenizer.encode(text).ids) == text


@pytest.mark.parametrize(
    ("model", "lowercase", "same"),
    [
        ("wordpiece", True, True),
        ("wordpiece", False, False),
        ("bpe", True, True),
        ("bpe", False, False),
        ("unigram", True, True),
        ("unigram", False, False),
    ],
)
def test_letter_case_goes_on_demand(model: str, lowercase: bool, same: bool) -> None:
    documents = list(sample_documents())
    text = train_tokenizer(documents, Training(model=model, size=2000, lowercase=lowercase))
    tokenizer = Tokenizer.from_str(text)
    assert (tokenizer.encode("THE BRIDGE").ids == tokenizer.encode("the bridge").ids) == same


def test_coverage_counts_what_is_unknown() -> None:
    text = train_tokenizer([WORDS], Training(model="wordpiece", size=40, lowercase=True))
    found = measure_coverage(text, ["low 中文 low".encode(), "low 文".encode()], "[UNK]")
    assert (found.characters, found.tokens, found.unknown) == (12, 6, 3)


@pytest.mark.parametrize("model", sorted(MODELS))
@pytest.mark.parametrize("recipe", ["bert-wwm", "roberta"])
def test_a_build_takes_every_kind(model: str, recipe: str, tmp_path: Path) -> None:
    arguments = ["--input", f"{SAMPLE}/*.txt", "--tokenizer", str(tokenizer_file(model))]
    options = ["--shards", "1", "--copies", "2", "--eval-fraction", "0"]
    assert build([recipe, *arguments, "--output", str(tmp_path / "out"), *options]) == 0
    assert verify([str(tmp_path / "out")]) == 0


def train(output: Path, *options: str, text: Path = SAMPLE / "*.txt") -> int:
    given = ["--input", str(text), "--output", str(output)]
    model = [] if "--model" in options else ["--model", "wordpiece"]
    size = [] if "--size" in options else ["--size", "1500"]
    return main([*given, *model, *size, *options])


def test_what_was_trained_is_told(tmp_path: Path, capsys: Captured) -> None:
    assert train(tmp_path / "x.json") == 0
    told = capsys.readouterr().out
    assert "wordpiece, 1,500 tokens" in told
    assert "all of 80 documents" in told
    assert "characters a token" in told


def test_a_log_says_how_far_it_is(
    tmp_path: Path, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress, "_LINE_SECONDS", 0.0)
    text = ["--input", str(SAMPLE / "*.txt"), "--model", "wordpiece", "--size", "500"]
    assert main([*text, "--output", str(tmp_path / "one.json")]) == 0
    lines = capsys.readouterr().err.splitlines()
    assert lines[0].startswith("reading: ")
    assert "reading: 100%, 0 s left" in lines
    assert "training wordpiece on 0.1 MB of text" in lines
    assert "training wordpiece on 0.1 MB of text: 0 s" in lines
    assert main([*text, "--output", str(tmp_path / "two.json"), "--quiet"]) == 0
    shown = capsys.readouterr()
    assert not shown.err
    assert shown.out.startswith(f"{tmp_path / 'two.json'}: wordpiece, 500 tokens")


def test_an_output_is_replaced_only_on_demand(tmp_path: Path, capsys: Captured) -> None:
    path = tmp_path / "x.json"
    path.write_text("mine")
    assert train(path) == 2
    assert "--overwrite" in capsys.readouterr().err
    assert path.read_text() == "mine"
    assert train(path, "--overwrite") == 2
    assert "is no tokenizer of `tokenizers`, and --overwrite replaces nothing" in (
        capsys.readouterr().err
    )
    assert path.read_text() == "mine"
    path.unlink()
    assert train(path) == 0
    assert train(path, "--overwrite") == 0
    assert json.loads(path.read_text("utf-8"))["model"]["type"] == "WordPiece"
    assert [each.name for each in tmp_path.iterdir()] == ["x.json"]


def test_halves_of_this_very_file_are_deleted(tmp_path: Path) -> None:
    for name in (".o[1].json.0123456789ab.tmp", ".o1.json.0123456789ab.tmp", ".o[1].json.tmp"):
        (tmp_path / name).write_text("half")
    assert train(tmp_path / "o[1].json") == 0
    assert sorted(each.name for each in tmp_path.iterdir()) == [
        ".o1.json.0123456789ab.tmp",
        ".o[1].json.tmp",
        "o[1].json",
    ]


def test_one_at_a_time_writes_a_file(tmp_path: Path, capsys: Captured) -> None:
    with hold_file(tmp_path / "x.json", "vocab"):
        assert train(tmp_path / "x.json") == 2
    assert "x.json is being written by `shardmill vocab` (process " in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_a_large_corpus_is_sampled(tmp_path: Path, capsys: Captured) -> None:
    text = tmp_path / "text.lines"
    text.write_text("".join(f"line {number} {'word ' * 300}\n" for number in range(1500)))
    assert train(tmp_path / "x.json", "--max-mib", "1", "--size", "60", text=text) == 0
    assert "a sample of 1,500 documents" in capsys.readouterr().out


@pytest.mark.parametrize(("count", "said"), [(1, "1 sentinel"), (3, "3 sentinels")])
def test_sentinels_are_told(count: int, said: str, tmp_path: Path, capsys: Captured) -> None:
    text = tmp_path / "text.lines"
    text.write_text("a few words\nsome words more\n")
    assert train(tmp_path / "x.json", "--size", "40", "--sentinels", str(count), text=text) == 0
    assert f"tokens, {said} among them\n" in capsys.readouterr().out


def test_bad_records_are_counted(tmp_path: Path, capsys: Captured) -> None:
    text = tmp_path / "text.jsonl"
    good = [json.dumps({"text": "a few words"}), json.dumps({"text": "some words more"})]
    text.write_text("\n".join([*good, "{", '{"other": 1}']))
    assert train(tmp_path / "x.json", "--size", "60", text=text) == 0
    told = capsys.readouterr().out
    assert "2 records were rejected: broken_json 1, " in told
    assert "the text gives no more: 60 tokens were asked for" in told


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--model", "word"], "--model: invalid choice: 'word'"),
        (["--model", "bpe", "--size", "200"], "size must be in [261, "),
        (["--size", "x"], "--size: must be a whole number"),
        (["--min-frequency", "0"], "--min-frequency: must be a whole number of at least 1"),
        (["--max-mib", "0"], "--max-mib: must be a whole number of at least 1"),
        (["--format", "pdf"], "--format: invalid choice: 'pdf'"),
    ],
)
def test_wrong_options_are_told(
    options: list[str], said: str, tmp_path: Path, capsys: Captured
) -> None:
    assert train(tmp_path / "x.json", *options) == 2
    assert said in capsys.readouterr().err
    assert not (tmp_path / "x.json").exists()


@pytest.mark.parametrize("model", ["unigram", "wordpiece"])
def test_a_text_of_rare_characters_is_told(model: str, tmp_path: Path, capsys: Captured) -> None:
    (tmp_path / "a.txt").write_text("a b c")
    options = ["--model", model, "--size", "100"]
    assert train(tmp_path / "x.json", *options, text=tmp_path / "a.txt") == 2
    assert "no room for any of the 0 characters" in capsys.readouterr().err


def test_no_text_is_told(tmp_path: Path, capsys: Captured) -> None:
    assert train(tmp_path / "x.json", text=tmp_path / "*.txt") == 2
    assert "no file matches" in capsys.readouterr().err
    (tmp_path / "a.txt").write_text(" \n")
    assert train(tmp_path / "x.json", text=tmp_path / "*.txt") == 2
    assert "no document in 1 file" in capsys.readouterr().err


def test_a_damaged_file_fails_the_run(tmp_path: Path, capsys: Captured) -> None:
    (tmp_path / "a.txt.gz").write_bytes(b"\x1f\x8b nothing of the kind")
    assert train(tmp_path / "x.json", text=tmp_path / "*.gz") == 1
    assert "a.txt.gz cannot be read" in capsys.readouterr().err


def test_an_unknown_file_system_is_told(capsys: Captured) -> None:
    given = ["--input", f"{SAMPLE}/*.txt", "--model", "bpe", "--size", "300"]
    assert main([*given, "--output", "foo://bucket/x.json"]) == 2
    assert "--output foo://bucket/x.json: " in capsys.readouterr().err


GOOD = "This is the first sentence of it. This is the second one of these. And that is the third."
CHINESE = "这是第一个句子，写得很好。这是第二个句子，也写得很好。这里是第三个句子，就到此为止了。"


def filtered(folder: Path, *options: str, texts: Sequence[str]) -> tuple[int, Path]:
    """Trains a tokenizer on JSON lines through filters; returns the exit status and the file."""
    folder.mkdir(exist_ok=True)
    lines = "\n".join(json.dumps({"text": text}) for text in texts)
    (folder / "text.jsonl").write_text(lines, "utf-8")
    output = folder / "out.json"
    given = ["--input", str(folder / "text.jsonl"), "--model", "bpe", "--size", "300"]
    return main([*given, "--output", str(output), *options]), output


def test_a_vocabulary_is_learned_of_what_filters_keep(tmp_path: Path, capsys: Captured) -> None:
    near = f"{GOOD} Here is what is almost the same, and a word more."
    dropped = ["Home\nMenu", f"{GOOD} And {{ code }} is here."]
    texts = [GOOD, CHINESE, near, *dropped, f"Menu\n{GOOD}"]
    options = ["--boilerplate", "--quality", "c4", "--near-duplicates", "0.5"]
    status, output = filtered(tmp_path / "all", *options, texts=texts)
    assert status == 0
    said = capsys.readouterr().out
    assert "all of 2 documents, 0.0 MB, duplicates left out" in said
    # What is left of the last document is the first one.
    assert (
        "4 documents were left out: boilerplate (no line left 1), c4 (curly bracket 1), "
        "near duplicates (near duplicate 2)"
    ) in said
    assert "1 line was removed: boilerplate (no terminal mark 1)" in said
    assert "1 cluster of near-duplicates, the largest of 2 documents" in said
    assert sorted(each.name for each in (tmp_path / "all").iterdir()) == ["out.json", "text.jsonl"]
    status, other = filtered(tmp_path / "kept", texts=[near, CHINESE])
    assert status == 0
    assert output.read_bytes() == other.read_bytes()


def test_filters_that_keep_nothing_make_no_vocabulary(tmp_path: Path, capsys: Captured) -> None:
    for model in (["--quality", "gopher"], ["--model", "words", "--quality", "gopher"]):
        # Gopher has no rules of English for it, and it is too short all the same.
        short = model if "words" not in model else [*model, "--min-count", "1"]
        folder = tmp_path / str(len(short))
        folder.mkdir()
        (folder / "text.txt").write_text(CHINESE, "utf-8")
        given = ["--input", str(folder / "text.txt"), "--output", str(folder / "out")]
        sized = [] if "words" in model else ["--model", "bpe", "--size", "300"]
        assert main([*given, *sized, *short]) == 2
        said = capsys.readouterr().err
        assert "filters left out all of 1 document: gopher (few words 1); leave out" in said
        assert [each.name for each in folder.iterdir()] == ["text.txt"]


def test_long_chinese_passes_rules_of_quality(tmp_path: Path, capsys: Captured) -> None:
    letters = [chr(0x4E00 + 7 * number) for number in range(120)]
    text = "。".join("".join(letters[at : at + 12]) for at in range(0, 120, 12)) + "。"
    options = ["--quality", "gopher,gopher-repetition,c4"]
    assert filtered(tmp_path, *options, texts=[text, "short"])[0] == 0
    assert "1 document was left out: gopher (few words 1)" in capsys.readouterr().out


def test_what_a_vocabulary_leaves_out_is_not_kept(tmp_path: Path, capsys: Captured) -> None:
    assert filtered(tmp_path, "--quality", "c4", "--keep-dropped", texts=[GOOD])[0] == 2
    assert "argument --keep-dropped: the output is one file" in capsys.readouterr().err
