"""What `measure.py` has measured."""

from pathlib import Path

from nets import LAYERS

DOCS = Path(__file__).resolve().parents[2] / "docs"
NETS = list(LAYERS)
CORES = 2  # of the machine


def table(name):
    lines = (DOCS / "measured" / name).read_text().splitlines()
    _, *rows = [line.split("\t") for line in lines if not line.startswith("#")]
    return rows


MEASURED = {
    (row[0], int(row[1]), int(row[2])): dict(zip(NETS, map(float, row[3:]), strict=True)) for row in table("scaling.tsv")
}
SUMS = [[float(cell) for cell in row] for row in table("scaling-exchange.tsv")]
COLUMN = {("shared memory", 2): 2, ("shared memory", 4): 3, ("TCP", 2): 4, ("TCP", 4): 5}


def measured_sum(size, column):
    """Seconds of a sum of so many bytes, between the sizes that were measured."""
    points = [(1024 * row[0], row[column] / 1000) for row in SUMS]
    for (low, fast), (high, slow) in zip(points, points[1:]):
        if size <= high:
            return fast + (slow - fast) * max(0, size - low) / (high - low)
    return slow * size / high
