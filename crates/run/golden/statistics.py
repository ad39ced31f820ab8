"""Golden values of the statistics, from scipy: tails of Student's distribution, paired tests, Holm's correction,
and the power of the paired t test.

Needs scipy; Holm's correction, which scipy lacks, is written out. Writes `statistics.json`.
"""

import json
import pathlib

import numpy
from scipy import stats

TAILS = [(t, degrees) for degrees in (1, 2, 3, 4, 9, 30, 99, 1000) for t in (0.3, 1.0, 1.01, 2.5, 10.0, 60.0)]
PAIRS = [
    ("three seeds, far apart", [0.657, 0.661, 0.657], [0.504, 0.529, 0.576], 0.02),
    ("three seeds, close", [0.868, 0.861, 0.864], [0.866, 0.865, 0.862], 0.01),
    ("five seeds, below the margin", [2.001, 2.004, 1.998, 2.003, 2.0], [1.999, 2.001, 2.0, 2.002, 1.998], 0.01),
    ("five seeds, at the margin", [0.52, 0.53, 0.5, 0.51, 0.54], [0.51, 0.51, 0.5, 0.49, 0.53], 0.01),
    ("two seeds", [3.0, 5.0], [1.0, 2.0], 1.0),
    ("downward", [1.0, 1.5, 0.7, 0.9], [11.0, 12.0, 10.5, 11.2], 0.5),
]
FAMILIES = [[0.01, 0.04, 0.03], [0.2, 1e-9, 0.012, 0.013, 0.9, 0.012], [0.5], [1.0, 0.0, 1.0]]
# Mean of the differences in their standard deviations, and number of seeds.
POWERS = [(1.0, 5), (2.0, 3), (2.0, 5), (4.0, 3)]


def paired(name, method, baseline, margin):
    test = stats.ttest_rel(method, baseline)
    interval = test.confidence_interval(0.95)
    difference = numpy.subtract(method, baseline)
    above = stats.ttest_1samp(difference, -margin, alternative="greater").pvalue
    below = stats.ttest_1samp(difference, margin, alternative="less").pvalue
    return {
        "name": name, "method": method, "baseline": baseline, "margin": margin,
        "p": test.pvalue, "low": interval.low, "high": interval.high, "equivalence": max(above, below),
    }


def holm(p):
    corrected, least = [1.0] * len(p), 0.0
    for rank, index in enumerate(sorted(range(len(p)), key=lambda index: p[index])):
        least = min(1.0, max(least, (len(p) - rank) * p[index]))
        corrected[index] = least
    return {"p": p, "corrected": corrected}


def power(effect, seeds):
    critical, shift = stats.t.ppf(0.975, seeds - 1), effect * seeds**0.5
    value = stats.nct.sf(critical, seeds - 1, shift) + stats.nct.cdf(-critical, seeds - 1, shift)
    return {"effect": effect, "seeds": seeds, "power": value}


values = {
    "tails": [{"t": t, "degrees": degrees, "p": stats.t.sf(t, degrees)} for t, degrees in TAILS],
    "pairs": [paired(*case) for case in PAIRS],
    "families": [holm(family) for family in FAMILIES],
    "powers": [power(*case) for case in POWERS],
}
path = pathlib.Path(__file__).with_name("statistics.json")
path.write_text(json.dumps(values, indent=1, default=float) + "\n")
