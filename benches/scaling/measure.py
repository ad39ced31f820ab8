"""Measures training steps and sums of gradients on 1, 2 and 4 ranks of this machine, and writes
`docs/measured/scaling.tsv` and `docs/measured/scaling-exchange.tsv`, which `model.py` reads.

    python3 benches/scaling/measure.py BINARY [ROUNDS]

BINARY is `candlewick`, built with the feature `mpi`; `mpirun` is that of OpenMPI. Every round runs all
combinations one after the other, in reverse order in every second round. A number is the least of the rounds, each
of which gives the fastest of five steps, or the median of 21 sums. Nothing else should run on the machine.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

MEASURED = Path(__file__).resolve().parents[2] / "docs" / "measured"
NETS = {"convnet": ("convnet", 8), "resnet-19": ("ResNet-19", 2), "vggsnn": ("VGGSNN", 2)}  # samples of a shard
TRANSPORTS = {
    "one process": [],
    "two at once": [],
    "shared memory": ["--mca", "btl", "self,vader"],
    "TCP": ["--mca", "btl", "self,tcp", "--mca", "btl_tcp_if_include", "lo"],
}
# Transport, ranks, shards.
STEPS = [("one process", 1, 1), ("one process", 1, 2), ("one process", 1, 4), ("two at once", 1, 2)]
STEPS += [(name, *of) for name in ("shared memory", "TCP") for of in ((2, 2), (2, 4), (4, 4))]
SUMS = [("one process", 1), ("shared memory", 2), ("shared memory", 4), ("TCP", 2), ("TCP", 4)]
MACHINE = "Two cores of an x86-64 server with AVX-512, one thread per rank; other work ran at times, the least of several rounds."

SIZES = [4, 64, 1024, 4096, 16384]  # KiB; no piece of these nets is larger


def run(binary, transport, ranks, arguments):
    """What the benchmark prints, of rank 0, or of the slower one of two processes."""
    command = [binary, "bench", *arguments, "--format", "json"]
    if ranks > 1:
        start = ["mpirun", "--oversubscribe", "--bind-to", "none", *TRANSPORTS[transport], "-n", str(ranks)]
        command = start + command
    count = 2 if transport == "two at once" else 1
    running = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(count)]
    outputs = [process.communicate()[0] for process in running]
    assert all(process.returncode == 0 for process in running), command
    results = [json.loads(output) for output in outputs]
    return max(results, key=lambda result: result["train_min_s"]) if count == 2 else results[0]


def step(binary, net, transport, ranks, shards):
    batch = NETS[net][1] * shards
    arguments = ["step", "--net", net, "--batch", str(batch), "--shards", str(shards)]
    arguments += ["--threads", "1", "--phase", "train", "--steps", "5"]
    return run(binary, transport, ranks, arguments)["train_min_s"]


def write(name, command, rows):
    lines = [f"# {command}", f"# {MACHINE}", *("\t".join(map(str, row)) for row in rows)]
    (MEASURED / name).write_text("\n".join(lines) + "\n")


def main(binary, rounds="3"):
    os.environ.update(OMPI_ALLOW_RUN_AS_ROOT="1", OMPI_ALLOW_RUN_AS_ROOT_CONFIRM="1")  # containers
    steps, sums = {}, {}
    for number in range(int(rounds)):
        order = [(net, *of) for net in NETS for of in STEPS]
        for key in order[:: -1 if number % 2 else 1]:
            seconds = step(binary, *key)
            steps[key] = min(steps.get(key, seconds), seconds)
            print(number, *key, seconds, flush=True)
        for key in SUMS:
            for entry in run(binary, *key, ["exchange"]):
                size = (entry["bytes"], *key)
                sums[size] = min(sums.get(size, entry["seconds"]), entry["seconds"])
        rows = [("connection", "ranks", "shards", *(name for name, _ in NETS.values()))]
        rows += [(*of, *(f"{steps[(net, *of)]:.3f}" for net in NETS)) for of in STEPS]
        write("scaling.tsv", "benches/scaling/measure.py: candlewick bench step --shards S, 8, 2 and 2 samples each", rows)
        rows = [("gradients, KiB", "1 process, ms", *(f"{ranks} ranks, {name}, ms" for name, ranks in SUMS[1:]))]
        sizes = [size << 10 for size in SIZES]
        rows += [(size // 1024, *(f"{1000 * sums[(size, *of)]:.3g}" for of in SUMS)) for size in sizes]
        write("scaling-exchange.tsv", "benches/scaling/measure.py: candlewick bench exchange", rows)


if __name__ == "__main__":
    main(*sys.argv[1:])
