"""Times our Janus tokenizer and PyTorch's in turns: python janus_vq_speed.py JANUS_VQ_PROGRAM WORK_FOLDER

Prints a Markdown table: seconds a picture by the clock and of processor time (which tells more where other programs
run beside this one), medians over the rounds, how many times as fast as the faster of PyTorch's layouts that is, and
the most memory the process held.
"""

import os
import pathlib
import statistics
import subprocess
import sys
import time

import torch
from safetensors.torch import save_file

import janus_vq_model as janus

ROUNDS = 4
NUM_PICTURES = 2


class Process:
    """A process that answers a line with the seconds that one pass took."""

    def __init__(self, *arguments: object, env: dict[str, str] | None = None) -> None:
        command = [str(argument) for argument in arguments]
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, env=env)
        assert self.process.stdout.readline() == "ready\n"

    def time(self) -> tuple[float, float]:
        """Seconds by the clock and of processor time, a picture."""
        before = self.cpu_seconds()
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        wall = float(self.process.stdout.readline())
        return wall / NUM_PICTURES, (self.cpu_seconds() - before) / NUM_PICTURES

    def cpu_seconds(self) -> float:
        fields = pathlib.Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def close(self) -> int:
        """Ends it, and tells how many MB it held at most."""
        status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        self.process.stdin.close()
        self.process.wait()
        return int(status.split("VmHWM:")[1].split()[0]) // 1024


@torch.no_grad()
def answer(checkpoint: str, what: str, threads: str, layout: str, pictures: list[str]) -> None:
    """PyTorch's side, in a process of its own."""
    from safetensors.torch import load_file

    torch.set_num_threads(int(threads))
    vq = janus.JanusVQVAE(janus.JanusVQVAEConfig(num_patches=24)).eval()
    vq.load_state_dict(load_file(checkpoint))
    form = torch.channels_last if layout == "channels_last" else torch.contiguous_format
    vq = vq.to(memory_format=form)
    inputs = [janus.pixels(pathlib.Path(path)).contiguous(memory_format=form) for path in pictures]
    ids = vq.encode(inputs[0]).image_tokens.view(1, 576)

    def one_pass() -> None:
        for picture in inputs:
            vq.decode(ids) if what == "decode" else vq.encode(picture)

    one_pass()
    print("ready", flush=True)
    for _ in sys.stdin:
        start = time.perf_counter()
        one_pass()
        print(time.perf_counter() - start, flush=True)


def compare(program: str, checkpoint: pathlib.Path, what: str, threads: int, pictures: list[pathlib.Path]) -> None:
    here = [sys.executable, "-B", __file__, "--answer", checkpoint, what, threads]
    sides = {
        "twig": Process(program, checkpoint, "time", what, threads, *pictures),
        "twig, AVX2": Process(program, checkpoint, "time", what, threads, *pictures, env={"TWIG_INSTRUCTIONS": "avx2"}),
        "PyTorch, channels_last": Process(*here, "channels_last", *pictures),
        "PyTorch, NCHW": Process(*here, "nchw", *pictures),
    }
    times = {name: [] for name in sides}
    for _ in range(ROUNDS):
        for name, side in sides.items():
            times[name].append(side.time())
    memory = {name: side.close() for name, side in sides.items()}
    medians = {name: [statistics.median(kind) for kind in zip(*some)] for name, some in times.items()}
    best = [min(medians[name][kind] for name in sides if name.startswith("PyTorch")) for kind in (0, 1)]
    for name, (wall, cpu) in medians.items():
        cells = [what, threads, name, f"{wall:.2f}", f"{best[0] / wall:.2f}×"]
        cells += [f"{cpu:.2f}", f"{best[1] / cpu:.2f}×", memory[name]]
        print("| " + " | ".join(str(cell) for cell in cells) + " |", flush=True)


def main() -> None:
    if sys.argv[1] == "--answer":
        answer(*sys.argv[2:6], sys.argv[6:])
        return
    program, work = sys.argv[1], pathlib.Path(sys.argv[2])
    work.mkdir(parents=True, exist_ok=True)
    checkpoint = work / "model.safetensors"
    save_file(janus.model().state_dict(), checkpoint, metadata={"format": "pt"})
    pictures = janus.photographs(work)[:NUM_PICTURES]
    print(f"PyTorch {torch.__version__}, {ROUNDS} rounds in turns, seconds a picture of 384 × 384\n")
    print("| what | threads | who | clock | × PyTorch | processor | × PyTorch | most memory, MB |")
    print("|---|---:|---|---:|---:|---:|---:|---:|")
    for what in ("encode", "decode"):
        for threads in (1, 2):
            compare(program, checkpoint, what, threads, pictures)


if __name__ == "__main__":
    main()
