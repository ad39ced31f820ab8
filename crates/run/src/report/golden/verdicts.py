"""Recomputes the verdict of every claim from a committed file of results, by scipy.

`python verdicts.py FILE...` prints them for files of `docs/results`; without arguments it writes `verdicts.txt` for
`claims.json`, the small example of the tests. Needs scipy.
"""

import json
import math
import pathlib
import sys

import numpy
from scipy import stats


def differences(claim):
    """Method minus baseline, of logarithms for ratios; None without two pairs, or where one has no difference."""
    pairs = [(pair["method"], pair["baseline"]) for pair in claim["pairs"]]
    if len(pairs) < 2 or any(value is None for pair in pairs for value in pair) or claim["expected"] == "identical":
        return None
    if claim["quantity"]["unit"] != "ratio":
        return numpy.array([method - baseline for method, baseline in pairs])
    if any(min(pair) <= 0 and pair[0] != pair[1] for pair in pairs):
        return None
    return numpy.array([0.0 if method == baseline else math.log10(method / baseline) for method, baseline in pairs])


def p_values(claim):
    """p of the paired t test and of the two one-sided tests; differences of equal size tell nothing unless zero."""
    values = differences(claim)
    if values is None:
        return None
    largest = max(max(abs(pair["method"]), abs(pair["baseline"])) for pair in claim["pairs"])
    rounding = 1e-6 * (largest if claim["quantity"]["unit"] == "plain" else 1.0)
    if numpy.std(values, ddof=1) <= rounding:
        return 1.0, 0.0 if numpy.max(abs(values)) <= rounding else 1.0
    above = stats.ttest_1samp(values, -claim["margin"], alternative="greater").pvalue
    below = stats.ttest_1samp(values, claim["margin"], alternative="less").pvalue
    return stats.ttest_1samp(values, 0.0).pvalue, max(above, below)


def holm(p):
    order = numpy.argsort(p)
    steps = [(len(p) - rank) * p[index] for rank, index in enumerate(order)]
    corrected = numpy.empty(len(p))
    corrected[order] = numpy.minimum(1.0, numpy.maximum.accumulate(steps))
    return corrected


def verdicts(claims):
    tested = {claim["id"]: p_values(claim) for claim in claims}
    made = {name: p for name, p in tested.items() if p is not None}
    differs, equivalent = (dict(zip(made, holm([p[kind] for p in made.values()]))) for kind in (0, 1)) if made else ({}, {})
    for claim in claims:
        name, pairs, expected = claim["id"], claim["pairs"], claim["expected"]
        if expected == "identical":
            known = pairs and all(None not in pair.values() for pair in pairs)
            same = all(pair["method"].hex() == pair["baseline"].hex() for pair in pairs) if known else None
            yield name, {True: "holds", False: "contradicted", None: "cannot-tell"}[same]
        elif name in made and equivalent[name] <= 0.05:
            yield name, "no-effect"
        elif name in made and differs[name] <= 0.05:
            up = differences(claim).mean() > 0
            yield name, "holds" if expected == ("higher" if up else "lower") else "contradicted"
        else:
            yield name, "cannot-tell"


def lines(path):
    return "".join(f"{name} {verdict}\n" for name, verdict in verdicts(json.loads(path.read_text()).get("claims", [])))


if sys.argv[1:]:
    for file in sys.argv[1:]:
        print(f"{file}\n{lines(pathlib.Path(file))}", end="")
else:
    here = pathlib.Path(__file__).parent
    (here / "verdicts.txt").write_text(lines(here / "claims.json"))
