"""Over random trees of other people's files in and beside an output folder: none is touched."""

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.folder.clearing import discard, end_work, remove_leftovers
from pipelines.folder.locks import Locks
from pipelines.folder.owned import REJECTED
from pipelines.folder.prepare import Wanted, prepare
from schemas.errors import UsageError
from schemas.exported import EXPORT, Export, ExportedFile, ExportIdentity
from schemas.manifest import FORMAT_VERSION, MANIFEST
from schemas.manifest_file import ManifestError, parse_manifest, seal
from schemas.sealed import sealed_json
from tests.support.manifests import annotations_manifest, build_manifest, mixture_manifest
from transforms.files.atomic_files import make_folder, write_atomically
from transforms.files.paths import PathError
from transforms.files.work_folder import files_of, write_noted

NAMES = (
    "_build/build.json",
    "_build/html/index.html",
    "train/a.txt",
    "train/shard-00000-of-00001.arrow",
    "train/shard-00001-of-00002.arrow",
    "train/shard-00000-of-00002.parquet",
    "train/.shard-00000-of-00002.arrow.tmp",
    "train/deep/er/shard-00000-of-00002.arrow",
    "eval/b.txt",
    "eval/shard-00000-of-00001.arrow",
    "rejected/c.txt",
    "rejected/part-03-of-16.jsonl",
    "annotations/shard-00000-of-00001.arrow",
    "README.md",
    "report.html",
    "manifest.json",
    "export.json",
    "tokenizer.json",
    "counts.json",
    "entities.txt",
    ".shardmill/x",
    ".shardmill/lock/x",
    ".shardmill/train-shard-00000-of-00001.json",
    ".hidden",
    ".manifest.json.tmp",
    "bert/train/shard-00000-of-00002.arrow",
    "bert/notes.txt",
    "bert/manifest.json",
    "albert/README.md",
    "checkpoints/step-foo/x",
    "notes.txt",
    "o[1]",
)
KINDS = ("text", "empty", "folder", "link to a file", "link to a folder", "dangling link")
COMMANDS = ("build", "other build", "mixture", "other mixture", "annotate", "export")


@pytest.fixture(scope="module", autouse=True)
def fast_disk() -> Iterator[None]:
    """Nothing here is about lost machines, and a busy disk takes its time."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda _: None)
        yield


def wanted(command: str) -> Wanted:
    """Returns what a command of ours writes, in small."""
    two = {f"train/shard-0000{n}-of-00002.arrow" for n in range(2)}
    root = {MANIFEST, "README.md", "report.html", "tokenizer.json"}
    if command in {"build", "other build"}:
        shards = two if command == "build" else {"train/shard-00000-of-00001.arrow"}
        files = frozenset({*root, *shards, *REJECTED, "eval/shard-00000-of-00001.arrow"})
        return Wanted(command="build", identity={"sentences": command}, files=files)
    if command in {"mixture", "other mixture"}:
        names = ("bert", "albert") if command == "mixture" else ("bert", "roberta")
        member = Wanted(command="build", identity={"seed": 1}, files=frozenset({*root, *two}))
        return Wanted(
            command="build",
            identity={"mixture": {"name": "mixture", "order": list(names)}},
            files=frozenset({*root, *REJECTED}),
            members=dict.fromkeys(names, member),
        )
    if command == "annotate":
        files = frozenset({MANIFEST, "entities.txt", "annotations/shard-00000-of-00001.arrow"})
        return Wanted(command="annotate", identity={"spans": {}}, files=files)
    files = frozenset({EXPORT, "tokenizer.json", "train/shard-00000-of-00002.parquet"})
    identity = {"source": "0" * 64, "format": "parquet", "copies": 1, "splits": ["train"]}
    return Wanted(command="export", identity=identity, files=files)


def run(
    folder: Path, command: str, *, overwrite: bool, until: int | None = None
) -> dict[Path, bytes] | None:
    """Does to a folder what a command does, with small files; returns what it wrote.

    Args:
      folder: The output folder.
      command: One of `COMMANDS`.
      overwrite: As the option.
      until: Stop after so many files, as if killed.

    Returns:
      None if the command refused.
    """
    asked = wanted(command)
    written: dict[Path, bytes] = {}
    try:
        with Locks(asked.command) as locks:
            locks.add(str(folder))
            if prepare(str(folder), asked, locks, overwrite=overwrite):
                return {}
            folders = {folder: asked, **{folder / n: each for n, each in asked.members.items()}}
            for place, each in reversed(folders.items()):
                _write(place, each, until, written)
            if until is None:
                for place, each in reversed(folders.items()):
                    end_work(str(place), each.files)
    except UsageError:
        return None
    return written


def _write(folder: Path, asked: Wanted, until: int | None, written: dict[Path, bytes]) -> None:
    paths = sorted(asked.files - {MANIFEST, EXPORT, *REJECTED[1:]})
    notes = []
    for path in paths[:until]:
        if "/" in path:
            make_folder(str(folder / path.partition("/")[0]))
        content = f"{asked.identity} {path}".encode()
        notes.append(write_noted(str(folder), path, content))
        written[folder / path] = content
    if until is not None:
        return
    listed: Mapping[str, Any] = files_of(notes)
    if asked.command == "export":
        identity = ExportIdentity(**asked.identity)
        files = tuple(ExportedFile(path=path, **each) for path, each in listed.items())
        told = Export(format_version=FORMAT_VERSION, identity=identity, files=files)
        name, content = EXPORT, sealed_json(told)
    else:
        whole = _manifest(asked, listed)
        name, content = MANIFEST, seal(whole).encode()
    write_atomically(str(folder / name), content)
    written[folder / name] = content


def _manifest(asked: Wanted, listed: Mapping[str, Any]) -> dict[str, Any]:
    if asked.command == "annotate":
        return annotations_manifest(**asked.identity, files=listed)
    if asked.members:
        return mixture_manifest(*asked.members, **asked.identity, files=listed)
    return build_manifest(**asked.identity, files=listed)


def everything(folder: Path) -> dict[str, tuple[str, Any]]:
    """Returns what lies in a folder, by path: what it is, and what is in it."""
    found: dict[str, tuple[str, Any]] = {}
    for path in sorted(folder.rglob("*")):
        name = str(path.relative_to(folder))
        if path.is_symlink():
            found[name] = "link", os.readlink(path)
        elif path.is_dir():
            found[name] = "folder", None
        else:
            found[name] = "file", (path.read_bytes(), path.stat().st_ino)
    return found


def put(root: Path, base: Path, trees: list[tuple[str, str]]) -> None:
    """Puts other people's things into a folder, where nothing of that name is."""
    elsewhere = root / "elsewhere"
    for name, kind in trees:
        path = base / name
        with contextlib.suppress(FileExistsError, NotADirectoryError):
            path.parent.mkdir(parents=True, exist_ok=True)
            if os.path.lexists(path):
                continue
            if kind in {"text", "empty"}:
                path.write_text("mine" if kind == "text" else "")
            elif kind == "folder":
                path.mkdir()
            else:
                target = {"link to a file": "mine.txt", "link to a folder": "train"}.get(kind, "no")
                path.symlink_to(elsewhere / target)


@contextlib.contextmanager
def a_root() -> Iterator[Path]:
    root = Path(tempfile.mkdtemp())
    try:
        (root / "elsewhere" / "train").mkdir(parents=True)
        (root / "elsewhere" / "mine.txt").write_text("mine")
        (root / "elsewhere" / "train" / "shard-00000-of-00002.arrow").write_text("mine")
        yield root
    finally:
        shutil.rmtree(root)


things = st.lists(st.tuples(st.sampled_from(NAMES), st.sampled_from(KINDS)), max_size=5)


@settings(max_examples=150)
@given(
    first=st.sampled_from([None, *COMMANDS]),
    until=st.sampled_from([None, 0, 1, 3]),
    before=things,
    inside=things,
    beside=things,
    again=st.booleans(),
    steps=st.lists(st.tuples(st.sampled_from(COMMANDS), st.booleans()), min_size=1, max_size=3),
    name=st.sampled_from(["out", "o[1]", "o*", "a?b"]),
    is_link=st.booleans(),
)
def test_what_others_put_there_stays(
    first: str | None,
    until: int | None,
    before: list[tuple[str, str]],
    inside: list[tuple[str, str]],
    beside: list[tuple[str, str]],
    again: bool,
    steps: list[tuple[str, bool]],
    name: str,
    is_link: bool,
) -> None:
    with a_root() as root:
        folder = root / name
        if is_link:
            (root / "target").mkdir()
            folder.symlink_to(root / "target")
        put(root, root, beside)
        for neighbour in ("o1", "ob", "axb"):
            put(root, root / neighbour, beside)
        if first is None:
            put(root, folder, before)
        foreign = everything(root)
        if first is not None:
            run(folder, first, overwrite=False, until=until)
        there = everything(root)
        put(root, folder, inside)
        foreign |= {path: each for path, each in everything(root).items() if path not in there}
        same = [(first, False)] if again and first else []
        for command, overwrite in [*same, *steps]:
            run(folder, command, overwrite=overwrite)
            after = everything(root)
            for path, (kind, content) in foreign.items():
                # An empty folder of somebody's that we filled may go with our files.
                assert path in after or kind == "folder", (path, command)
                assert kind == "folder" or after[path] == (kind, content), (path, command)


@pytest.mark.parametrize(
    ("command", "until", "kind"),
    [
        *((command, 2, "text") for command in COMMANDS),
        ("build", 0, "text"),
        ("build", 2, "link to a file"),
        ("mixture", 0, "folder"),
    ],
)
def test_a_listed_name_that_others_took_is_refused(
    tmp_path: Path, command: str, until: int, kind: str
) -> None:
    """Of an unfinished folder: our own files have notes."""
    asked = wanted(command)
    paths = {"": asked.files - {*REJECTED[1:]}}
    paths |= {name: each.files for name, each in asked.members.items()}
    for number, path in enumerate(f"{n}/{p}".lstrip("/") for n in paths for p in sorted(paths[n])):
        root = tmp_path / str(number)
        (root / "elsewhere").mkdir(parents=True)
        (root / "elsewhere" / "mine.txt").write_text("mine")
        run(root / "out", command, overwrite=False, until=until)
        if os.path.lexists(root / "out" / path):
            continue
        put(root, root / "out", [(path, kind)])
        before = everything(root)
        assert run(root / "out", command, overwrite=False) is None, path
        assert everything(root) == before


@pytest.mark.parametrize("first", COMMANDS)
@pytest.mark.parametrize("until", [None, 0, 2])
def test_notes_of_the_users_outlive_every_replacement(
    tmp_path: Path, first: str, until: int | None
) -> None:
    out = tmp_path / "out"
    assert run(out, first, overwrite=False, until=until) is not None
    for name in ("notes.txt", "train/a.txt", "_build/html/index.html", "bert/b.txt"):
        (out / name).parent.mkdir(parents=True, exist_ok=True)
        (out / name).write_text("mine")
    again = run(out, first, overwrite=False)
    assert again is not None
    for command in ("build", "mixture", "annotate"):
        done = run(out, command, overwrite=True)
        if first == "export":
            assert done is None
    for name in ("notes.txt", "train/a.txt", "_build/html/index.html", "bert/b.txt"):
        assert (out / name).read_text() == "mine"


@pytest.mark.parametrize("first", [each for each in COMMANDS if each != "export"])
@pytest.mark.parametrize("second", [each for each in COMMANDS if each != "export"])
@pytest.mark.parametrize("until", [None, 0, 2])
def test_a_replacement_leaves_nothing_of_what_was_there(
    tmp_path: Path, first: str, second: str, until: int | None
) -> None:
    out = tmp_path / "out"
    assert run(out, first, overwrite=False, until=until) is not None
    assert run(out, second, overwrite=True) is not None
    assert run(tmp_path / "fresh", second, overwrite=False) is not None
    assert {name: each[0] for name, each in everything(out).items()} == {
        name: each[0] for name, each in everything(tmp_path / "fresh").items()
    }


@pytest.mark.parametrize("name", ["README.md", "train/shard-00000-of-00002.arrow"])
def test_an_edited_file_is_refused_by_name(tmp_path: Path, name: str) -> None:
    out = tmp_path / "out"
    run(out, "build", overwrite=False)
    (out / name).write_text("I wrote this")
    with Locks("build") as locks:
        locks.add(str(out))
        with pytest.raises(UsageError, match=str(out / name)):
            prepare(str(out), wanted("other build"), locks, overwrite=True)
    assert (out / name).read_text() == "I wrote this"
    assert (out / MANIFEST).exists()


def test_halves_of_listed_files_alone_are_deleted(tmp_path: Path) -> None:
    out = tmp_path / "out"
    run(out, "build", overwrite=False, until=2)
    ours = [
        ".manifest.json.0123456789ab.tmp",
        "train/.shard-00001-of-00002.arrow.0123456789ab.tmp",
        ".shardmill/.record.json.0123456789ab.tmp",
        ".shardmill/.train-shard-00001-of-00002.json.0123456789ab.tmp",
    ]
    theirs = [
        ".notes.txt.0123456789ab.tmp",
        "train/.shard-00009-of-00002.arrow.0123456789ab.tmp",
        "train/.shard-00001-of-00002.arrow.tmp",
        ".manifest.json.0123456789AB.tmp",
        ".shardmill/.x.0123456789ab.tmp",
    ]
    for name in ours + theirs:
        (out / name).write_text("half")
    remove_leftovers(str(out))
    assert [name for name in ours if (out / name).exists()] == []
    assert [name for name in theirs if not (out / name).exists()] == []


def test_discarding_leaves_a_folder_as_it_was_before(tmp_path: Path) -> None:
    out = tmp_path / "out"
    run(out, "mixture", overwrite=False, until=2)
    with Locks("build") as locks:
        locks.add(str(out))
        discard(str(out), locks)
    assert not out.exists() or not [path for path in out.rglob("*") if path.is_file()]


@pytest.mark.parametrize("member", ["..", ".", "../other", "train", "bert/../../other", "", "nope"])
@pytest.mark.parametrize("finished", [True, False])
def test_a_member_that_is_no_recipe_is_refused(tmp_path: Path, member: str, finished: bool) -> None:
    run(tmp_path / "other", "build", overwrite=False)
    out = tmp_path / "other" / "out"
    run(out, "mixture", overwrite=False, until=None if finished else 1)
    if finished:
        manifest = mixture_manifest(member)
        (out / MANIFEST).write_text(seal(manifest))
    else:
        record = {"command": "build", "identity": {"seed": 1}, "files": [], "members": [member]}
        (out / ".shardmill" / "record.json").write_bytes(sealed_json(record))
    before = everything(tmp_path)
    assert run(out, "build", overwrite=True) is None
    assert everything(tmp_path) == before


@pytest.mark.parametrize("path", ["../README.md", "thesis.tex", "/etc/hosts", "train/../x", "."])
@pytest.mark.parametrize("finished", [True, False])
def test_a_listed_name_that_no_command_writes_is_refused(
    tmp_path: Path, path: str, finished: bool
) -> None:
    (tmp_path / "README.md").write_text("mine")
    out = tmp_path / "out"
    run(out, "build", overwrite=False, until=None if finished else 1)
    (out / "thesis.tex").write_text("mine")
    if finished:
        entry = {"bytes": 4, "sha256": "0" * 64}
        manifest = build_manifest(files={path: entry})
        (out / MANIFEST).write_text(seal(manifest))
    else:
        files = [*sorted(wanted("build").files), path]
        record = {"command": "build", "identity": {}, "files": files, "members": []}
        (out / ".shardmill" / "record.json").write_bytes(sealed_json(record))
    before = everything(tmp_path)
    assert run(out, "other build", overwrite=True) is None
    assert everything(tmp_path) == before


def test_an_unreadable_folder_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(*_: object) -> list[str]:
        raise PathError("cannot be listed: Input/output error")

    monkeypatch.setattr("pipelines.folder.places._Local.names", failing)
    assert run(tmp_path / "out", "build", overwrite=True) is None


@pytest.mark.parametrize("path", ["../x.arrow", "/x.arrow", "train/../../x.arrow", "", 7])
def test_no_manifest_names_a_shard_elsewhere(path: object) -> None:
    entry = {
        **{"path": path, "rows": 1, "tokens": 1, "bytes": 1, "sha256": "0" * 64, "max_length": 1},
        **{"documents": 1, "duplicates": 0, "encoder": "library", "statistics": {}},
    }
    manifest = build_manifest(splits={"train": {"rows": 1, "tokens": 1, "shards": [entry]}})
    with pytest.raises(ManifestError, match=r"is damaged: splits\.train\.shards\[0\]"):
        parse_manifest(seal(manifest))
