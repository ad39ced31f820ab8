"""A model of the training step on several ranks; `docs/scaling.md` explains it.

    python3 benches/scaling/model.py

Reads what `measure.py` has measured, `docs/measured/scaling.tsv` and `scaling-exchange.tsv`, and writes beside them
`scaling-model.tsv` (what the model says of these measurements) and `scaling-predicted.tsv` (what it says of
machines where nothing was measured), and the pictures in `docs/scaling`.
"""

from nets import buckets
from picture import picture
from readings import COLUMN, CORES, DOCS, MEASURED, NETS, measured_sum


def step(net, shards, shard, bucket_seconds, small, hides):
    """Seconds of a step: `shards` on a rank one after the other, and what is left of the exchange.

    The backward pass is two thirds of a shard, and a layer's part of it that of its multiplications. If the
    exchange `hides`, a bucket travels as soon as it is complete and the one before has arrived.
    """
    end = 0
    for size, complete in buckets(net):
        ready = shard * (1 + 2 * complete) / 3 if hides else shard
        end = max(end, ready) + bucket_seconds(size)
    return shards * shard + max(0, end - shard) + small


def shard_of(net, busy=False):
    """Seconds of a shard, with its part of the update, in one process: alone, or beside another one."""
    alone = min(MEASURED["one process", 1, shards][net] / shards for shards in (1, 2, 4))
    return max(alone, MEASURED["two at once", 1, 2][net] / 2) if busy else alone


def here(net, connection, ranks, shards):
    """The model of the machine that was measured: what copies are its own cores, so that nothing hides."""
    if ranks == 1:
        return shards * shard_of(net)
    shard, column = shard_of(net, busy=True) * max(1, ranks / CORES), COLUMN[connection, ranks]
    small = 4 * measured_sum(4096, column)
    return step(net, shards / ranks, shard, lambda size: measured_sum(size, column), small, False)


# Machines where nothing was measured. Every number is an assumption, and stands as one in the page.
CORES_OF_A_NODE = 12  # 16 cores do the work of 12
SMALL = 2 * 4  # exchanges of a few bytes in a step
GPU = {  # seconds of the benchmark's batch on an H100, estimated: candle operations, and fused kernels in TF32
    "operations": {"convnet": 0.050, "ResNet-19": 0.120, "VGGSNN": 0.170},
    "kernels": {"convnet": 0.00175, "ResNet-19": 0.0040, "VGGSNN": 0.0057},
}
# Column of the measured sum that is the processors' part, bytes per second of the wire, seconds of a message.
LINKS = {
    "host memory": (COLUMN["shared memory", 2], 12.5e9, 1e-6),  # copies from and to a GPU at 25 GB/s
    "NVLink": (None, 300e9, 2e-6),
    "10 Gbit/s": (COLUMN["TCP", 2], 1.25e9, 5e-6),
    "100 Gbit/s": (COLUMN["shared memory", 2], 12.5e9, 1e-6),
}


def parts(size, ranks, link):
    """Seconds of the sum of a bucket: the processors' copying and adding, the wire, the messages."""
    column, rate, message = LINKS[link]
    travels = 2 * (ranks - 1) / ranks * size
    return {
        "copying and adding": measured_sum(travels, column) if column else 0,
        "wire": travels / rate,
        "messages": 2 * (ranks - 1) * message,
    }


def elsewhere(net, kernels, link, ranks, shards):
    """Seconds of a step, and of its exchange by parts."""
    # A shard of a node has four times the samples.
    shard = 4 * shard_of(net) / CORES_OF_A_NODE if kernels == "node" else GPU[kernels][net]
    if ranks == 1:
        return shards * shard, {}
    of = lambda size: sum(parts(size, ranks, link).values())
    whole = [parts(size, ranks, link) for size, _ in buckets(net)]
    total = {name: sum(part[name] for part in whole) for name in whole[0]}
    return step(net, shards, shard, of, SMALL / 2 * of(4096), True), total


def efficiency(net, kernels, link, ranks, shards):
    return elsewhere(net, kernels, link, 1, shards)[0] / elsewhere(net, kernels, link, ranks, shards)[0]


def write(name, about, rows):
    lines = ["# benches/scaling/model.py", f"# {about}", *("\t".join(map(str, row)) for row in rows)]
    (DOCS / "measured" / name).write_text("\n".join(lines) + "\n")


def check():
    """What was measured, and what the model says where it does not read it."""
    rows = [["seconds of a step", "ranks", "shards", *(f"{net}{kind}" for net in NETS for kind in ("", ", model"))]]
    for (connection, ranks, shards), seconds in MEASURED.items():
        model = lambda net: f"{here(net, connection, ranks, shards):.3f}" if ranks > 1 else ""
        rows.append([connection, ranks, shards, *(cell for net in NETS for cell in (f"{seconds[net]:.3f}", model(net)))])
    write("scaling-model.tsv", "scaling.tsv beside the model, which reads the rows of one process and the sums.", rows)


CASES = [
    ("8 GPUs, candle operations, through host memory", "operations", "host memory", 8),
    ("8 GPUs, fused kernels, through host memory", "kernels", "host memory", 8),
    ("8 GPUs, fused kernels, NVLink", "kernels", "NVLink", 8),
    ("64 nodes, 10 Gbit/s", "node", "10 Gbit/s", 64),
    ("64 nodes, 100 Gbit/s", "node", "100 Gbit/s", 64),
]


def predict():
    rows = [["one shard per rank", *NETS, "most of the exchange", *(f"{net}, 8 shards" for net in NETS)]]
    for name, kernels, link, ranks in CASES:
        cells, exchange = [], {}
        for net in NETS:
            shard, _ = elsewhere(net, kernels, link, 1, 1)
            _, exchange = elsewhere(net, kernels, link, ranks, 1)
            times = f"{1000 * sum(exchange.values()):.3g} / {1000 * shard:.3g} ms"
            cells.append(f"{100 * efficiency(net, kernels, link, ranks, 1):.0f} % ({times})")
        eight = [f"{100 * efficiency(net, kernels, link, ranks, 8):.0f} %" for net in NETS]
        rows.append([name, *cells, max(exchange, key=exchange.get), *eight])
    write("scaling-predicted.tsv", "Nothing was measured on such machines.", rows)


def pictures():
    ranks_here = {"strong": [(1, 4), (2, 4), (4, 4)], "weak": [(1, 1), (2, 2), (4, 4)]}
    for kind, of in ranks_here.items():
        measured = {net: [(p, MEASURED["shared memory" if p > 1 else "one process", p, s][net]) for p, s in of] for net in NETS}
        lines = {(net, ""): [(p, here(net, "shared memory", p, s)) for p, s in of] for net in NETS}
        for curves in (measured, lines):  # from seconds to how much better they are than those of one rank
            curves.update({key: [(p, points[0][1] / seconds) for p, seconds in points] for key, points in curves.items()})
        panels = [("Two cores, shared memory: measured (dots) and model (lines)", 4, lines, measured)]
        for title, kernels, links, most in [
            ("8 GPUs, fused kernels, model: NVLink, and dashed through host memory", "kernels", ("NVLink", "host memory"), 8),
            ("64 nodes, model: 100 Gbit/s, and dashed 10 Gbit/s", "node", ("100 Gbit/s", "10 Gbit/s"), 64),
        ]:
            lines, steps = {}, [1 << power for power in range(most.bit_length())]
            for net in NETS:
                for link, dash in zip(links, ("", "dash"), strict=True):
                    shards = lambda p: most // p if kind == "strong" else 1
                    start = elsewhere(net, kernels, link, 1, shards(1))[0]
                    lines[net, dash] = [(p, start / elsewhere(net, kernels, link, p, shards(p))[0]) for p in steps]
            panels.append((title, most, lines, {}))
        picture(DOCS / "scaling" / f"{kind}.svg", kind == "strong", NETS, panels)


check()
predict()
pictures()
