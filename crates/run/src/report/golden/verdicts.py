"""Prints the verdicts of files of results by scipy: python verdicts.py claims.json > verdicts.txt"""
import json, sys
import numpy as np
from scipy.stats import ttest_1samp

def tests(claim, method, baseline):
    """The sign of the mean difference, p of the paired t test, p of the two one-sided tests; None if they cannot be made."""
    unit, margin = claim["quantity"]["unit"], claim["margin"]
    scale = np.log10 if unit == "ratio" else np.asarray
    values = np.where(method == baseline, 0, scale(method) - scale(baseline))
    rounding = 1e-6 * (max(abs(method).max(), abs(baseline).max()) if unit == "plain" and len(values) else 1)
    if len(values) < 2 or not np.isfinite(values).all() or claim["expected"] == "identical":
        return None
    if values.std(ddof=1) <= rounding:  # The noise is unknown.
        return np.sign(values.mean()), 1, float(abs(values).max() > rounding)
    sides = ttest_1samp(values, -margin, alternative="greater").pvalue, ttest_1samp(values, margin, alternative="less").pvalue
    return np.sign(values.mean()), ttest_1samp(values, 0).pvalue, max(sides)

def holm(p):
    return np.maximum.accumulate(np.sort(p) * np.arange(len(p), 0, -1))[np.searchsorted(np.sort(p), p, side="right") - 1]

np.seterr(all="ignore")
for claims in (json.load(open(file)).get("claims", []) for file in sys.argv[1:]):
    values = [np.array([[pair["method"], pair["baseline"]] for pair in claim["pairs"]], float).reshape(-1, 2).T for claim in claims]
    tested = [tests(claim, *pair) for claim, pair in zip(claims, values)]
    signs, differs, equivalent = np.array([test for test in tested if test]).reshape(-1, 3).T
    corrected = iter(zip(signs, holm(differs), holm(equivalent)))
    for claim, (method, baseline), test in zip(claims, values, tested):
        expected, sign, differs, equivalent = (claim["expected"], *(next(corrected) if test else (0, 1, 1)))
        same, known = (method == baseline).all(), len(method) and np.isfinite(method + baseline).all()
        as_expected = same if expected == "identical" else expected == ("higher" if sign > 0 else "lower")
        told = known if expected == "identical" else differs <= 0.05
        print(claim["id"], "no-effect" if equivalent <= 0.05 else "cannot-tell" if not told else "holds" if as_expected else "contradicted")
