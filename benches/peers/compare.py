#!/usr/bin/env python3
"""Measures candlewick and its PyTorch peers alternately and prints the ratios.

    benches/peers/setup.sh VENV
    cargo build --release -p candlewick-cli
    VENV/bin/python benches/peers/compare.py --net convnet --rounds 3

In each round every peer and candlewick run once, one after the other, each in a process of its
own, with the same number of threads: what else the machine does then hits all of them alike.
The ratio is that of the medians over the rounds; its range is that of the rounds.
--net linear-lif is the public benchmark of Open Neuromorphic, a linear layer with LIF neurons: the first
time is then that of forward and backward pass together, the second that of the forward pass.
What a step is, is the docstring of bench.py; the peers get an allocator that keeps large blocks,
without which they are up to 40 % slower.

Options beside --net: --rounds N, --steps N per round, --threads N, --peers a,b,c,
--weights CHECKPOINT and --data FOLDER for candlewick (the peers' time does not depend on the
firing rate), --time-steps T and --batch N for all, --json FILE for all that was measured.
"""
import argparse
import json
import os
import statistics
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
# glibc gives large blocks back to the system; the page faults cost the peers 15 to 40 %.
TUNABLES = ":".join(
    f"glibc.malloc.{name}={size}"
    for name, size in [("mmap_threshold", 8 << 30), ("trim_threshold", 16 << 30), ("top_pad", 256 << 20)]
)
# The libraries, and the fastest forms of plain PyTorch.
PEERS = {
    "SpikingJelly": ["--lib", "spikingjelly"],
    "snnTorch": ["--lib", "snntorch"],
    "Norse": ["--lib", "norse"],
    "PyTorch loop": ["--lib", "torch-loop"],
    "PyTorch loop (time outermost)": ["--lib", "torch-loop", "--mode", "step"],
    "PyTorch fused": ["--lib", "torch-fused"],
    "PyTorch fused (channels-last)": ["--lib", "torch-fused", "--channels-last"],
}
LIBRARIES = ["SpikingJelly", "snnTorch", "Norse"]
NETS = {"convnet": "convnet", "resnet-19": "resnet19", "vggsnn": "vgg9", "linear-lif": "linear"}


def last_json(command, environment):
    result = subprocess.run(command, env=environment, capture_output=True, text=True)
    if result.returncode != 0:
        sys.exit(f"{' '.join(map(str, command))} failed:\n{result.stderr}")
    return json.loads(result.stdout.strip().splitlines()[-1])


def is_layer(options):
    return options.net == "linear-lif"


def times(measured, options):
    """The two times that are compared."""
    if not is_layer(options):
        return measured["train_s"], measured["infer_s"]
    forward = measured.get("forward_s", measured.get("fwd_s"))
    return forward + measured.get("backward_s", measured.get("bwd_s")), forward


def peer(arguments, options):
    environment = dict(os.environ, GLIBC_TUNABLES=TUNABLES)
    environment.update(OMP_NUM_THREADS=str(options.threads), MKL_NUM_THREADS=str(options.threads))
    command = [sys.executable, HERE / "bench.py", "--net", NETS[options.net], *arguments]
    command += ["--threads", str(options.threads), "--steps", str(options.steps)]
    command += ["--max-seconds", str(options.max_seconds)]
    if is_layer(options):
        command += ["--phase", "train"]
    if options.time_steps:
        command += ["--timesteps", str(options.time_steps)]
    if options.batch:
        command += ["--batch", str(options.batch)]
    return last_json(command, environment)


def candlewick(options):
    which = ["linear-lif"] if is_layer(options) else ["step", "--net", options.net]
    command = [options.candlewick, "bench", *which, "--format", "json"]
    command += ["--threads", str(options.threads), "--steps", str(options.steps)]
    for name in ("time_steps", "batch", "weights", "data"):
        if getattr(options, name):
            command += ["--" + name.replace("_", "-"), str(getattr(options, name))]
    return last_json(command, dict(os.environ))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--net", default="convnet", choices=NETS)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--max-seconds", type=float, default=20.0, help="per phase, to look for quiet steps")
    parser.add_argument("--peers", default=",".join(PEERS), help="comma-separated names")
    parser.add_argument("--candlewick", default=ROOT / "target" / "release" / "candlewick", type=Path)
    parser.add_argument("--time-steps", type=int)
    parser.add_argument("--batch", type=int)
    parser.add_argument("--weights", type=Path)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    if is_layer(options) and (options.weights or options.data):
        parser.error("--net linear-lif has neither --weights nor --data")
    names = [name.strip() for name in options.peers.split(",")]
    for name in names:
        if name not in PEERS:
            parser.error(f"--peers: expected some of {', '.join(PEERS)}, got {name}")

    words = ("both", "forward") if is_layer(options) else ("train", "infer")
    rounds = {name: [] for name in ["candlewick", *names]}
    for number in range(options.rounds):
        # Forth in one round, back in the next, so that a drift does not favor anyone.
        order = ["candlewick", *names] if number % 2 == 0 else [*reversed(names), "candlewick"]
        for name in order:
            measured = candlewick(options) if name == "candlewick" else peer(PEERS[name], options)
            memory = measured["rss_peak_mib"] - measured["rss_base_mib"]
            train, infer = times(measured, options)
            row = {"train_s": train, "infer_s": infer, "memory_mib": memory}
            rounds[name].append(row)
            print(f"round {number + 1}, {name}: {words[0]} {train:.3f} s, {words[1]} {infer:.3f} s, "
                  f"{memory:.0f} MiB", file=sys.stderr, flush=True)

    def median(name, key):
        return statistics.median(row[key] for row in rounds[name])

    def ratio(name, key):
        each = [theirs[key] / ours[key] for theirs, ours in zip(rounds[name], rounds["candlewick"])]
        return f"{median(name, key) / median('candlewick', key):5.2f}x ({min(each):.2f} to {max(each):.2f})"

    print(f"{options.net}, {options.threads} threads, median of {options.rounds} rounds of {options.steps} steps")
    titles = [f"{word} s" for word in words]
    print(f"{'':30} {titles[0]:>8} {'':>22} {titles[1]:>9} {'':>22} {'MiB':>6}")
    for name in rounds:
        theirs = name != "candlewick"
        print(f"{name:30} {median(name, 'train_s'):8.3f} {ratio(name, 'train_s') if theirs else '':>22} "
              f"{median(name, 'infer_s'):8.3f} {ratio(name, 'infer_s') if theirs else '':>22} "
              f"{median(name, 'memory_mib'):6.0f}")
    for title, group in [("the fastest library", [n for n in names if n in LIBRARIES]), ("the fastest form", names)]:
        passes = ("both passes", "forward") if is_layer(options) else ("training", "inference")
        for key, word in zip(("train_s", "infer_s"), passes):
            if group:
                best = min(group, key=lambda name: median(name, key))
                print(f"{word}: {ratio(best, key)} faster than {title} ({best})")
    leanest = min(names, key=lambda name: median(name, "memory_mib"))
    share = median("candlewick", "memory_mib") / median(leanest, "memory_mib")
    print(f"memory: {share:.2f} of the leanest ({leanest})")
    if options.json:
        options.json.write_text(json.dumps(dict(vars(options), rounds=rounds), default=str, indent=1) + "\n")


if __name__ == "__main__":
    main()
