import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from schemas.errors import UsageError
from trainer import hardware
from trainer.hardware import measured_peak, peak_memory_gib, stated_peak
from trainer.processes import Processes, choose_device
from trainer.stopping import StopSignal, wait_to_look

ROOT = Path(__file__).resolve().parents[3]
CPU = torch.device("cpu")


def test_one_process_agrees_with_itself() -> None:
    alone = Processes(0, 1, CPU)
    assert alone.first
    assert alone.any(15) == 15
    assert alone.add_up(torch.tensor(3)) == 3
    alone.agree(None)
    with pytest.raises(UsageError, match="broken"):
        alone.agree(UsageError("broken"))


def test_the_first_process_does_things_for_all() -> None:
    done: list[int] = []

    def fail() -> None:
        done.append(1)
        raise UsageError("broken")

    Processes(0, 1, CPU).first_does(lambda: done.append(0))
    with pytest.raises(UsageError, match="broken"):
        Processes(0, 1, CPU).first_does(fail)
    assert done == [0, 1]


def test_what_one_process_finds_is_found() -> None:
    alone = Processes(0, 1, CPU)
    assert alone.from_first(lambda: {"a": 1}) == {"a": 1}
    assert alone.all_do(lambda: None) is None
    assert alone.total(3) == 3

    def fail() -> int:
        raise UsageError("broken")

    for ask in (alone.from_first, alone.all_do):
        with pytest.raises(UsageError, match="broken"):
            ask(fail)


def test_who_is_asked_to_stop_does_not_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    stop, slept = StopSignal(), list[float]()

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        stop.number = signal.SIGTERM

    monkeypatch.setattr("trainer.stopping.time.sleep", sleep)
    wait_to_look(stop)
    wait_to_look(stop)
    assert len(slept) == 1


def test_devices_are_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    assert choose_device("cpu", 0) == CPU
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert choose_device("auto", 0) == CPU
    with pytest.raises(UsageError, match="finds no GPU here; use --device cpu"):
        choose_device("cuda", 0)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "set_device", lambda _: None)
    assert choose_device("auto", 1) == torch.device("cuda", 1)
    with pytest.raises(UsageError, match="process 2 has no GPU: there are 2"):
        choose_device("cuda", 2)


@pytest.mark.parametrize(
    ("name", "peak"),
    [
        ("NVIDIA H100 80GB HBM3", 989e12),
        ("NVIDIA H100 PCIe", 756e12),
        ("NVIDIA L40S", 362e12),
        ("NVIDIA L4", 121e12),
        ("Unheard Of 9000", None),
    ],
)
def test_the_stated_peak_is_that_of_the_name(
    name: str, peak: float | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda _: name)
    gpu = torch.device("cuda", 0)
    assert stated_peak(gpu, torch.bfloat16) == peak
    assert stated_peak(gpu, torch.float32) is None
    assert stated_peak(CPU, torch.bfloat16) is None


def test_a_matrix_product_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hardware, "_SECONDS", 0.01)
    assert 1e6 < measured_peak(CPU, torch.float32) < 1e16
    assert 0.01 < peak_memory_gib(CPU) < 1000


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_the_first_signal_is_noted(number: signal.Signals) -> None:
    # Tests may be run under nohup, which ignores SIGHUP.
    before = signal.signal(number, signal.SIG_DFL)
    try:
        with StopSignal() as stop:
            assert stop.number == 0
            os.kill(os.getpid(), number)
            assert stop.number == number
        assert signal.getsignal(number) == signal.SIG_DFL
    finally:
        signal.signal(number, before)


def test_a_terminal_that_closes_is_of_no_matter_under_nohup() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with StopSignal() as stop:
            os.kill(os.getpid(), signal.SIGHUP)
            assert stop.number == 0
    finally:
        signal.signal(signal.SIGHUP, before)


def test_a_signal_that_comes_twice_is_one_and_a_later_one_ends_the_process() -> None:
    code = (
        "import os, signal\n"
        "from trainer import stopping\n"
        "with stopping.StopSignal() as stop:\n"
        "    os.kill(os.getpid(), signal.SIGTERM)\n"
        "    os.kill(os.getpid(), signal.SIGINT)\n"
        "    print(stop.number, flush=True)\n"
        "    stop._came -= stopping._SAME_SECONDS\n"
        "    os.kill(os.getpid(), signal.SIGINT)\n"
        "    print('still here', flush=True)\n"
    )
    run = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert run.stdout == "15\n"
    assert run.returncode == -signal.SIGINT
