"""Where machine code is kept, and that loops are the same with and without it."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import platformdirs
import pytest

from transforms.kernels import compiled as module
from transforms.kernels.draws import below, low_bits, mixed

ROOT = Path(__file__).resolve().parents[4]
DRAW = """
from transforms.kernels.draws import below, mixed, stream_of
import numpy as np
states = [np.uint64(stream_of(np.uint64(7), row)) for row in range(5)]
print([int(below(np.uint64(mixed(state)), 1000)) for state in states])
"""


def draw(**environment: str) -> tuple[str, str]:
    """Runs a few draws in a fresh interpreter; returns what it printed, and its messages."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", DRAW],
        check=True,
        capture_output=True,
        text=True,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
    )
    return done.stdout, done.stderr


def test_draws_are_those_of_splitmix64() -> None:
    """The first outputs for seed 1234567 that Vigna's reference implementation prints."""
    state, found = np.uint64(1234567), []
    for _ in range(3):
        state = np.uint64((int(state) + 0x9E3779B97F4A7C15) % (1 << 64))
        found.append(int(mixed(state)))
    assert found == [6457827717110365317, 3203168211198807973, 9817491932198370423]


def test_bits_are_scaled() -> None:
    bits = np.uint64((1 << 63) | 5)
    assert (low_bits(bits), below(bits, 10)) == (5, 5)
    assert below(np.uint64((1 << 64) - 1), 10) == 9


def test_machine_code_is_kept_once_and_told_once(tmp_path: Path) -> None:
    cache = str(tmp_path / "cache")
    first, told = draw(NUMBA_CACHE_DIR=cache)
    assert told.startswith(f"compiling inner loops, once (kept in {cache}")
    assert len(told.splitlines()) == 1
    assert list(tmp_path.rglob("*.nbc"))
    assert draw(NUMBA_CACHE_DIR=cache) == (first, "")
    assert draw(NUMBA_DISABLE_JIT="1") == (first, "")


def test_workers_that_compile_tell_it_once_and_are_seen_to(tmp_path: Path) -> None:
    code = """
import os
import numpy as np
from transforms.kernels.compiled import is_compiling
from transforms.kernels.draws import below, mixed
seen = [is_compiling()]
for loop, arguments in ((mixed, (np.uint64(7),)), (below, (np.uint64(7), 3))):
    if not (worker := os.fork()):
        loop(*arguments)
        os._exit(0)
    while not os.waitpid(worker, os.WNOHANG)[0]:
        seen.append(is_compiling())
print(seen[0], any(seen), is_compiling())
"""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "NUMBA_CACHE_DIR": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        check=True,
        capture_output=True,
        text=True,
        cwd=ROOT,
        env=environment,
    )
    assert done.stdout == "False True False\n"
    assert len(done.stderr.splitlines()) == 1


def test_numba_is_not_loaded_for_loops_that_are_interpreted() -> None:
    code = """
import sys
import numpy as np
from transforms.kernels.compiled import interpreted
from transforms.kernels.draws import mixed, stream_of
with interpreted():
    print(int(mixed(stream_of(np.uint64(7), 3))), "numba" in sys.modules)
print(int(mixed(np.uint64(stream_of(np.uint64(7), 3)))), "numba" in sys.modules)
"""
    printed = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        check=True,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    ).stdout
    interpreted, machine = map(str.split, printed.splitlines())
    assert interpreted[0] == machine[0]
    assert (interpreted[1], machine[1]) == ("False", "True")


def test_several_processes_fill_one_cache(tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "NUMBA_CACHE_DIR": str(tmp_path)}
    command = [sys.executable, "-c", DRAW]
    running = [
        subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=ROOT, env=environment
        )
        for _ in range(2)
    ]
    printed = {each.communicate()[0] for each in running}
    assert len(printed) == 1
    assert all(each.returncode == 0 for each in running)
    assert draw(NUMBA_CACHE_DIR=str(tmp_path))[1] == ""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="forks")
def test_a_forked_process_compiles_too(tmp_path: Path) -> None:
    code = """
import os
import numpy as np
from transforms.kernels.draws import below, low_bits
low_bits(np.uint64(3))
child = os.fork()
if not child:
    below(np.uint64(3), 5)
    os._exit(0)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""
    done = subprocess.run(
        [sys.executable, "-c", code],
        check=True,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT), "NUMBA_CACHE_DIR": str(tmp_path)},
    )
    assert done.stdout == "0\n", done.stderr


def test_a_place_that_cannot_be_used_is_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken = tmp_path / "file"
    taken.write_text("no folder")
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(taken))
    monkeypatch.setattr(platformdirs, "user_cache_dir", lambda _: str(taken / "cache"))
    monkeypatch.setattr(module.tempfile, "gettempdir", lambda: str(tmp_path))
    found = module.kernel_folder.__wrapped__()
    assert found is not None
    assert found.parent.parent == tmp_path
    monkeypatch.setattr(module.tempfile, "gettempdir", lambda: str(taken))
    assert module.kernel_folder.__wrapped__() is None


def test_a_folder_that_others_may_write_to_is_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o777)
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(shared))
    found = module.kernel_folder.__wrapped__()
    assert found is not None
    assert shared not in found.parents
