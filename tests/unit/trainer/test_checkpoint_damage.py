"""Checkpoints that are damaged, half written or half deleted, and what lies beside them."""

import contextlib
import hashlib
import json
import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from schemas.checked_json import DamagedError
from schemas.errors import RunError
from tests.support.checkpoint_meta import META
from trainer.checkpoint import read_checkpoint
from trainer.checkpoint_files import json_text, read_meta
from trainer.kept_checkpoints import Checkpoints

OTHER = "fedcba9876543210"


def export(folder: Path) -> None:
    (folder / "config.json").write_text('{"hidden_size": 8}')
    (folder / "part").mkdir()
    (folder / "part" / "model.safetensors").write_bytes(bytes(range(40)))


def save(run: Path, step: int, keep: int = 2, name: str = META["run"]) -> Path:
    meta = {**META, "step": step, "run": name}
    return Checkpoints(run, keep).save(meta, {"model": {"w": torch.tensor(step)}}, export)


def tree(folder: Path) -> dict[str, bytes | None]:
    """Returns the content of every file below a folder, None for folders."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() if path.is_file() else None
        for path in folder.rglob("*")
    }


def check_newest(run: Path) -> int:
    newest = Checkpoints(run, 2).latest()
    assert newest is not None
    newest.check()
    return newest.step


@pytest.fixture
def one(tmp_path: Path) -> Path:
    save(tmp_path, 1)
    return save(tmp_path, 2)


def test_every_flipped_byte_is_found(one: Path) -> None:
    files = [path for path in sorted(one.rglob("*")) if path.is_file()]
    assert [path.name for path in files] == [
        *["checkpoint.json", "config.json", "model.safetensors", "state.pt"],
    ]
    for path in files:
        content = path.read_bytes()
        # All of the small files, and every 11th byte of the state.
        for at in range(0, len(content), 11 if path.name == "state.pt" else 1):
            changed = bytearray(content)
            changed[at] ^= 1 << at % 8
            path.write_bytes(changed)
            with pytest.raises(DamagedError) as found:
                check_newest(one.parents[1])
            assert str(path) in str(found.value)
            assert str(found.value).endswith(
                f"move {one} away to resume from the checkpoint before it, step-00000001"
            )
            assert "\n" not in str(found.value)
        path.write_bytes(content)
    assert check_newest(one.parents[1]) == 2


@pytest.mark.parametrize(
    "name", ["checkpoint.json", "state.pt", "hf/config.json", "hf/part/model.safetensors"]
)
def test_files_that_are_cut_or_gone_are_found(name: str, one: Path) -> None:
    path, content = one / name, (one / name).read_bytes()
    for size in (0, 1, len(content) // 2, len(content) - 1):
        path.write_bytes(content[:size])
        with pytest.raises(DamagedError, match=path.name):
            check_newest(one.parents[1])
    path.write_bytes(content + b"\0")
    with pytest.raises(DamagedError, match=path.name):
        check_newest(one.parents[1])
    path.unlink()
    with pytest.raises(DamagedError, match=path.name):
        check_newest(one.parents[1])
    path.mkdir()
    with pytest.raises(DamagedError, match=path.name):
        check_newest(one.parents[1])


@pytest.mark.parametrize(
    "content",
    [
        *[b"", b"null", b"{}", b"[]", b"0", b'"step"', b"\xff\xfe", b"\0" * 400, b"NaN"],
        *[b"[" * 100_000, b'{"a":' * 5000 + b"1" + b"}" * 5000, b'{"step": 1, "step": 2}'],
    ],
)
def test_what_is_no_checkpoint_json_is_told(content: bytes, one: Path) -> None:
    (one / "checkpoint.json").write_bytes(content)
    with pytest.raises(DamagedError, match=r"checkpoint\.json is damaged: .*move .* away"):
        Checkpoints(one.parents[1], 2).latest()


def leaves(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yields the path of every value in a JSON value."""
    yield path
    for key, each in value.items() if isinstance(value, dict) else ():
        yield from leaves(each, (*path, key))


VALUES = st.sampled_from(
    [None, True, -1, 0, 1 << 70, 0.5, 1e300, "", "..", "/etc/passwd", "a/../b", [], {}, [[]], "é"]
)


@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_resealed_checkpoint_json_is_no_traceback(data: st.DataObject, one: Path) -> None:
    """A seal is no proof: whatever stands in it is checked before it is used."""
    path = one / "checkpoint.json"
    before, content = path.read_bytes(), json.loads(path.read_bytes())
    *steps, last = data.draw(st.sampled_from([each for each in leaves(content) if each]))
    node = content
    for step in steps:
        node = node[step]
    node[last] = data.draw(VALUES)
    if data.draw(st.booleans()) and isinstance(node, dict):
        del node[last]
    sealed = {name: each for name, each in content.items() if name != "sha256"}
    path.write_bytes(json_text({**sealed, "sha256": hashlib.sha256(json_text(sealed)).hexdigest()}))
    # Any other error is one.
    with contextlib.suppress(DamagedError):
        check_newest(one.parents[1])
    path.write_bytes(before)


def test_a_state_of_another_model_is_told(one: Path) -> None:
    model = torch.nn.Linear(2, 2)
    checkpoint = read_checkpoint(one)
    with pytest.raises(DamagedError, match=r"state\.pt cannot be read: .*name another checkpoint"):
        checkpoint.load(model, torch.optim.AdamW(model.parameters()))


FOREIGN = {
    "step-foo/a.txt": b"mine",
    "step-5/state.pt": b"mine",
    "step-00000000/a": b"mine",
    "step-1e3": b"mine",
    ".step-x.tmp/a": b"mine",
    ".step-00000001.tmp/state.pt": b"mine",
    ".step-00000001.0123456789ab.tmp/state.pt": b"mine",
    ".step-00000001.0123456789ac.tmp": b"mine",
    "notes.txt": b"mine",
    "../notes.txt": b"mine",
    "../.latest.tmp": b"mine",
    "../.latest.0123456789ab.tmp": b"mine",
    "../log.jsonl.bak": b"mine",
}


def test_what_is_not_ours_stays(tmp_path: Path) -> None:
    folder = tmp_path / "checkpoints"
    for name, content in FOREIGN.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    before = tree(tmp_path)
    # A checkpoint of another run, and one that the user keeps notes in.
    kept = save(tmp_path, 1, name=OTHER)
    noted = save(tmp_path, 2)
    (noted / "hf" / "notes.txt").write_text("mine")
    linked = save(tmp_path, 3)
    (tmp_path / "elsewhere").mkdir()
    shutil.move(linked, tmp_path / "elsewhere")
    linked.symlink_to(tmp_path / "elsewhere" / linked.name)
    whole = [tree(path) for path in (kept, noted, linked.resolve())]
    for step in range(4, 9):
        Checkpoints(tmp_path, 2).clear()
        save(tmp_path, step)
    assert [tree(path) for path in (kept, noted, linked.resolve())] == whole
    assert linked.is_symlink()
    after = tree(tmp_path)
    assert {name: after.get(name) for name in before} == before
    assert check_newest(tmp_path) == 8
    assert not (folder / "step-00000006").exists()


NAMES = st.sampled_from(
    [
        *["step-foo", "step-5", "step-00000002", "step-00000003", "step-99999999", ".step-x.tmp"],
        *[".step-00000002.aaaaaaaaaaaa.tmp", "checkpoint.json", "hf", "state.pt", ".unfinished"],
        *["notes", "é", "latest"],
    ]
)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    foreign=st.lists(st.tuples(st.lists(NAMES, min_size=1, max_size=3), st.binary(max_size=3))),
    number=st.integers(0, 1 << 62),
)
def test_no_random_tree_of_the_user_changes(
    foreign: list[tuple[list[str], bytes]], number: int, tmp_path: Path
) -> None:
    run = tmp_path / str(number)
    folder = run / "checkpoints"
    folder.mkdir(parents=True, exist_ok=True)
    for parts, content in foreign:
        path = folder.joinpath(*parts)
        # A folder that says of itself that it is half of a checkpoint of ours is one.
        if path.name == ".unfinished" or any(each.is_file() for each in path.parents):
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            path.write_bytes(content)
    before = tree(run)
    for step in (1, 2, 3):
        Checkpoints(run, 1).clear()
        with contextlib.suppress(RunError):
            save(run, step, keep=1)
    after = tree(run)
    assert {name: after.get(name, "gone") for name in before} == before
    shutil.rmtree(run)


def test_a_name_that_is_taken_is_told(tmp_path: Path) -> None:
    save(tmp_path, 1)
    (tmp_path / "latest").unlink()
    (tmp_path / "latest").write_text("mine")
    with pytest.raises(RunError, match="latest is not the link that a run"):
        save(tmp_path, 2)
    assert (tmp_path / "latest").read_text() == "mine"


class Killed(BaseException):
    """Stands for SIGKILL: no handler of ours sees it."""


_events: list[str] = []
_limit = [-1]
_WRITING = frozenset({"os.rename", "os.remove", "os.rmdir", "os.mkdir", "os.symlink", "os.chmod"})


def _hook(event: str, arguments: tuple[Any, ...]) -> None:
    if _limit[0] >= 0 and (event in _WRITING or event == "open"):
        if len(_events) >= _limit[0]:
            raise Killed
        _events.append(event)


@pytest.fixture(scope="module")
def hooked() -> None:
    sys.addaudithook(_hook)


def killed_at(instant: int, run: Path, step: int) -> bool:
    """Saves a checkpoint, and is killed before some operation; returns whether it was."""
    _events.clear()
    _limit[0] = instant
    try:
        save(run, step)
    except Killed:
        return True
    finally:
        _limit[0] = -1
    return False


@pytest.mark.usefixtures("hooked")
def test_killed_at_every_instant(tmp_path: Path) -> None:
    instant, steps = 0, 0
    while True:
        run = tmp_path / str(instant)
        for step in (1, 2):
            save(run, step)
        (run / "checkpoints" / "step-foo").mkdir()
        was = killed_at(instant, run, 3)
        left = sorted(path.name for path in (run / "checkpoints").iterdir())
        for name in (name for name in left if name.startswith("step-0")):
            read_checkpoint(run / "checkpoints" / name).check()
        assert check_newest(run) in (2, 3)
        assert (run / "latest" / "hf" / "config.json").exists()
        Checkpoints(run, 2).clear()
        save(run, 3)
        save(run, 4)
        left = sorted(path.name for path in (run / "checkpoints").iterdir())
        assert left == ["step-00000003", "step-00000004", "step-foo"]
        assert sorted(os.listdir(run)) == ["checkpoints", "latest"]
        assert check_newest(run) == 4
        if not was:
            break
        steps += 1
        instant += 1
    assert steps > 30


@pytest.mark.usefixtures("hooked")
def test_killed_while_clearing(tmp_path: Path) -> None:
    half = tmp_path / "half"
    save(half, 1)
    assert killed_at(12, half, 2)
    assert any(path.name.startswith(".step") for path in (half / "checkpoints").iterdir())
    instant = 0
    while True:
        run = tmp_path / str(instant)
        shutil.copytree(half, run, symlinks=True)
        _events.clear()
        _limit[0] = instant
        try:
            Checkpoints(run, 2).clear()
            break
        except Killed:
            pass
        finally:
            _limit[0] = -1
        Checkpoints(run, 2).clear()
        assert [path.name for path in (run / "checkpoints").iterdir()] == ["step-00000001"]
        instant += 1
    assert instant >= 3


def test_what_was_being_deleted_is_cleared(one: Path) -> None:
    """Old checkpoints get a hidden name first, and are deleted then."""
    hidden = one.with_name(f".{one.name}.0123456789ab.tmp")
    one.rename(hidden)
    (hidden / "hf" / "notes.txt").write_text("mine")
    before = tree(hidden)
    Checkpoints(one.parents[1], 2).clear()
    assert tree(hidden) == before
    (hidden / "hf" / "notes.txt").unlink()
    (hidden / "state.pt").unlink()
    Checkpoints(one.parents[1], 2).clear()
    assert [path.name for path in one.parent.iterdir()] == ["step-00000001"]


def test_files_have_the_rights_that_the_umask_leaves(tmp_path: Path) -> None:
    def private(folder: Path) -> None:
        (folder / "model.safetensors").touch(0o600)

    before = os.umask(0o027)
    try:
        path = Checkpoints(tmp_path, 2).save({**META, "step": 1}, {}, private)
    finally:
        os.umask(before)
    modes = {each.name: each.stat().st_mode & 0o777 for each in path.rglob("*") if each.is_file()}
    assert modes == dict.fromkeys(["state.pt", "model.safetensors", "checkpoint.json"], 0o640)


def test_a_renamed_checkpoint_is_told(one: Path) -> None:
    one.rename(one.with_name("step-00000009"))
    with pytest.raises(DamagedError, match="holds the checkpoint of step 2: it was renamed; move"):
        Checkpoints(one.parents[1], 2).latest()
    assert read_meta(one.with_name("step-00000009")).step == 2
