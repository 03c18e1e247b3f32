"""Measures what the trainer's design assumes about a GPU; run it first on a new kind of machine.

In order: (a) signatures and flags, (b) three implementations of attention within segments, (c) the
training step, compiled and not, ours and that of Hugging Face, (d) 100 steps of the Trainer of
Hugging Face and of ours, and (e) a profile of our step. Without --data it stops after (b).
"""

import argparse
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import torch

from benchmarks import train_attention
from benchmarks.report import row
from benchmarks.train import job_of, make_work, measure, parse_options
from benchmarks.train_ours import open_loop
from benchmarks.train_report import train_report
from benchmarks.train_sides import SIDES, Job
from schemas.program import one_sentence
from trainer.hardware import measured_peak, stated_peak
from trainer.processes import joined

STEP_SIDES = ("hf-eager", "hf-careful-uncompiled", "hf-careful", "ours", "ours-compiled")
GRAPHS = "ours-cudagraphs"
LOOP_SIDES = ("parity", "ours-compiled", "hf-careful", "hf-defaults")
_KINDS: Mapping[str, Sequence[str]] = {
    "attention": ("flash", "fmha", "attention", "attn"),
    "GEMM": ("gemm", "nvjet", "cutlass", "cublas", "xmma", "matmul"),
    "optimizer": ("multi_tensor", "adam"),
    "copies": ("memcpy", "memset"),
}
"""Kinds of kernels by parts of their names; the first match counts. All others are "other"."""
_PROFILED, _SHOWN = 5, 15


def describe_software() -> Iterator[str]:
    """Yields (a): the signature of `varlen_attn`, versions, and the enabled SDPA backends."""
    yield f"* varlen_attn{train_attention.signature()}"
    yield f"* torch {torch.__version__}, CUDA {torch.version.cuda}"
    yield f"* cuDNN {torch.backends.cudnn.version()}"
    for name in ("flash", "mem_efficient", "cudnn", "math"):
        enabled = getattr(torch.backends.cuda, f"{name}_sdp_enabled")
        yield f"* SDPA {name}: {'on' if enabled() else 'off'}"


def describe_device(device: torch.device) -> Iterator[str]:
    """Yields the rest of (a): name, memory and peaks of a GPU."""
    found = torch.cuda.get_device_properties(device)
    stated, measured = (peak(device, torch.bfloat16) for peak in (stated_peak, measured_peak))
    peak_text = f"{stated / 1e12:.0f}" if stated else "unknown"
    memory = f"{found.total_memory / 2**30:.0f} GiB"
    yield f"* {found.name}, {memory}, compute capability {found.major}.{found.minor}"
    yield f"* bf16 TFLOP/s: stated {peak_text}, measured {measured / 1e12:.0f}"


def kernel_kind(name: str) -> str:
    """Returns the kind of a kernel, by its name."""
    low = name.lower()
    return next((kind for kind, parts in _KINDS.items() if any(p in low for p in parts)), "other")


def kernel_table(kernels: Mapping[str, float]) -> Iterator[str]:
    """Yields (e): the share of each kind, then the slowest kernels.

    Args:
      kernels: Name to microseconds.
    """
    total = max(sum(kernels.values()), 1e-9)
    kinds: dict[str, float] = {}
    for name, spent in kernels.items():
        kinds[kernel_kind(name)] = kinds.get(kernel_kind(name), 0.0) + spent
    yield row("kind or kernel", "share")
    yield row("---", "---:")
    for table in (kinds, dict(list(_longest_first(kernels))[:_SHOWN])):
        for name, spent in _longest_first(table):
            yield row(name.replace("|", "/")[:100], f"{spent / total:.1%}")


def _longest_first(times: Mapping[str, float]) -> Iterator[tuple[str, float]]:
    yield from sorted(times.items(), key=lambda item: (-item[1], item[0]))


def profile_ours(job: Job, side: str) -> dict[str, float]:
    """Returns the microseconds that each kernel takes in some of our steps, by name."""
    kinds = [torch.profiler.ProfilerActivity.CPU]
    on_gpu = job.device == "cuda"
    if on_gpu:
        kinds.append(torch.profiler.ProfilerActivity.CUDA)
    with joined(job.device) as processes:
        loop = open_loop(job, SIDES[side], processes)
        profiler = torch.profiler.profile(activities=kinds)
        last = job.warmup_steps + _PROFILED
        for step, _, _ in loop.run(0, last):
            if on_gpu:
                torch.cuda.synchronize()
            if step == job.warmup_steps:
                profiler.start()
        profiler.stop()
    # On a CPU operators are listed, as there are no kernels.
    wanted = torch.autograd.DeviceType.CUDA if on_gpu else torch.autograd.DeviceType.CPU
    found: dict[str, float] = {}
    for event in profiler.key_averages():
        if event.device_type == wanted:
            spent = event.self_device_time_total if on_gpu else event.self_cpu_time_total
            found[event.key] = found.get(event.key, 0.0) + float(spent)
    return found


def _train(given: argparse.Namespace) -> bool:
    """Prints (c), (d) and (e); returns whether losses agree and no side failed."""
    options = ["--data", str(given.data), "--model", given.model, "--device", "cuda"]
    options += ["--repeat", "1", "--batch-tokens", str(given.batch_tokens)]
    short = parse_options([*options, "--warmup-steps", "20", "--steps", "30"])
    hundred = parse_options([*options, "--warmup-steps", "20", "--steps", "100"])
    passed = True
    with tempfile.TemporaryDirectory(prefix="shardmill-probe-") as folder:
        make_work(job_of(short, Path(folder)), given.model)
        for title, parsed, sides in (
            ("(c) the step", short, (*STEP_SIDES, GRAPHS)),
            ("(d) the loop, 100 steps", hundred, LOOP_SIDES),
        ):
            measured = measure(job_of(parsed, Path(folder)), sides)
            print(f"## {title}\n\n{train_report(given.model, measured)}", flush=True)
            passed = passed and measured.agrees and not measured.failed
        print("## (e) our step, compiled\n")
        print("\n".join(kernel_table(profile_ours(job_of(short, Path(folder)), "ours-compiled"))))
    return passed


@one_sentence
def main(argv: Sequence[str] | None = None) -> int:
    """Prints Markdown; returns 2 without a GPU, 1 if losses differ or a side fails."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gpu_probe", description=__doc__)
    parser.add_argument("--data", type=Path, metavar="DIR", help="a finished build, for (c) to (e)")
    parser.add_argument("--model", default="bert-base", metavar="M", help="(bert-base)")
    parser.add_argument("--batch-tokens", type=int, default=65536, metavar="N", help="(65536)")
    given = parser.parse_args(argv)
    if not torch.cuda.is_available():
        print(f"torch {torch.__version__} finds no GPU here, and this needs one.", file=sys.stderr)
        return 2
    device = torch.device("cuda", 0)
    print("## (a) software and device\n")
    print("\n".join([*describe_software(), *describe_device(device)]), flush=True)
    print("\n## (b) attention within segments, forward and backward\n")
    print("\n".join(train_attention.attention_table(device, given.batch_tokens)), flush=True)
    error = train_attention.largest_error(train_attention.IMPLEMENTATIONS["varlen_attn"], device)
    passed = error <= train_attention.LIMIT
    word = "within" if passed else "NOT within"
    print(
        f"\nvarlen_attn in bf16 against float64, with empty segments: {error:.2g} of the largest "
        f"value, {word} {train_attention.LIMIT:g}.\n",
        flush=True,
    )
    # Leave the memory of the GPU to the processes that follow.
    torch.cuda.empty_cache()
    if given.data is None:
        print("(c) to (e) need --data.")
        return int(not passed)
    return int(not (_train(given) and passed))


if __name__ == "__main__":
    sys.exit(main())
