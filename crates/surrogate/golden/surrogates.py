"""Golden values of the surrogates, from SpikingJelly, snnTorch and Norse: writes `surrogates.json`.

Each case is one function of a library, with its default settings (`default`) or others: the
settings in our names, the gradient at fixed distances and, where the library has one, the primitive.
Run `python surrogates.py` with torch, spikingjelly, snntorch and norse installed.
"""

import json
import pathlib
from importlib import metadata

import torch
from norse.torch.functional import threshold as norse
from snntorch import surrogate as snn
from spikingjelly.activation_based import surrogate as jelly

X = sorted({i * 0.171 for i in range(-19, 20)} | {-1.0, -0.5, -0.004, 0.004, 0.5, 1.0})

# (our name, our settings, the library's function, its primitive or None, whether it is the default)
CASES = []


def add_jelly(name, kind, settings, arguments=None):
    """A surrogate of SpikingJelly, at its defaults and at `settings` (or `arguments`, in its names)."""
    for ours, theirs in (({}, {}), (settings, settings if arguments is None else arguments)):
        module = kind(**theirs)
        smooth = None
        if kind not in (jelly.SuperSpike, jelly.FakeNumericalGradient, jelly.DeterministicPass):
            smooth = kind(spiking=False, **theirs)
        CASES.append(("SpikingJelly", name, ours, module, smooth))
        if not settings:
            break


def add(library, name, function, settings=None):
    CASES.append((library, name, settings or {}, function, None))


add_jelly("arctan", jelly.ATan, {"alpha": 3.0})
add_jelly("erf", jelly.Erf, {"alpha": 0.7})
add_jelly("fake_numerical_gradient", jelly.FakeNumericalGradient, {"alpha": 2.0})
add_jelly("leaky_k_relu", jelly.LeakyKReLU, {"leak": 0.2, "k": 1.5})
add_jelly("log_tailed_relu", jelly.LogTailedReLU, {"alpha": 0.3})
add_jelly("nonzero_sign_log_abs", jelly.NonzeroSignLogAbs, {"alpha": 3.0})
add_jelly("piecewise_exp", jelly.PiecewiseExp, {"alpha": 2.5})
add_jelly("piecewise_leaky_relu", jelly.PiecewiseLeakyReLU, {"w": 0.6, "c": 0.1})
add_jelly("q_pseudo_spike", jelly.QPseudoSpike, {"alpha": 3.5})
add_jelly("rectangle", jelly.Rect, {"a": 0.5}, {"alpha": 2.0})
add_jelly("s2nn", jelly.S2NN, {"alpha": 3.0, "beta": 0.5})
add_jelly("sigmoid", jelly.Sigmoid, {"alpha": 2.0})
add_jelly("soft_sign", jelly.SoftSign, {"alpha": 5.0})
add_jelly("squarewave_fourier_series", jelly.SquarewaveFourierSeries,
          {"n": 4, "period": 6.0}, {"n": 4, "T_period": 6.0})  # fmt: skip
add_jelly("straight_through", jelly.DeterministicPass, {})
add_jelly("super_spike", jelly.SuperSpike, {"alpha": 3.0})
add_jelly("triangle", jelly.PiecewiseQuadratic, {"gamma": 0.5}, {"alpha": 2.0})

add("snnTorch", "arctan", snn.atan())
add("snnTorch", "fast_sigmoid", snn.fast_sigmoid())
add("snnTorch", "fast_sigmoid", snn.fast_sigmoid(slope=3), {"slope": 3.0})
add("snnTorch", "heaviside", snn.heaviside())
add("snnTorch", "sigmoid", snn.sigmoid(), {"alpha": 25.0})
add("snnTorch", "snntorch_triangular", snn.triangular())
add("snnTorch", "snntorch_triangular", snn.triangular(threshold=0.5), {"threshold": 0.5})
add("snnTorch", "sparse_fast_sigmoid", snn.SFS())
add("snnTorch", "sparse_fast_sigmoid", snn.SFS(slope=2, B=-0.6), {"slope": 2.0, "b": -0.6})
add("snnTorch", "spike_rate_escape", snn.spike_rate_escape())
add("snnTorch", "spike_rate_escape", snn.spike_rate_escape(beta=2, slope=3),
    {"beta": 2.0, "slope": 3.0})  # fmt: skip
add("snnTorch", "straight_through", snn.straight_through_estimator())


class LeakySpikeOperator(snn.LeakySpikeOperator):
    """The class behind `LSO`, which returns one gradient too few for its two arguments."""

    @staticmethod
    def backward(ctx, grad):
        return snn.LeakySpikeOperator.backward(ctx, grad), None


add("snnTorch", "leaky_spike_operator", lambda x: LeakySpikeOperator.apply(x, 0.1))

add("Norse", "scaled_triangle", norse.triangle_fn)
add("Norse", "super_spike", lambda x: norse.threshold(x, "super", 100.0))


def numbers(tensor):
    return [float(f"{value:.7g}") for value in tensor.tolist()]


cases = []
for library, name, settings, function, smooth in CASES:
    x = torch.tensor(X, requires_grad=True)
    function(x).sum().backward()
    case = dict(library=library, name=name, settings=settings, derivative=numbers(x.grad))
    if smooth is not None:
        case["primitive"] = numbers(smooth(torch.tensor(X)))
    cases.append(case)

assert len(cases) == 48, len(cases)
libraries = ("torch", "spikingjelly", "snntorch", "norse")
head = dict(versions={name: metadata.version(name) for name in libraries}, x=numbers(torch.tensor(X)))
lines = ",\n".join(json.dumps(case, separators=(",", ":")) for case in cases)
text = json.dumps(head)[:-1] + ', "cases": [\n' + lines + "\n]}\n"
pathlib.Path(__file__).with_name("surrogates.json").write_text(text)
print(len(cases), "cases,", len(text), "bytes")
