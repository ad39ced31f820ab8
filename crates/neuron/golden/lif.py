"""Golden values of LIF, IF and parametric LIF neurons, from PyTorch: writes `lif.json` beside it.

The neurons are plain loops over time with plain autograd; wherever SpikingJelly or snnTorch express
the same neuron, their own node must agree (asserted below).
Run `python lif.py` with torch, spikingjelly and snntorch installed.
"""

import itertools
import json
import math
import pathlib
from importlib import metadata

import snntorch
import torch
from spikingjelly.activation_based import neuron as jelly
from spikingjelly.activation_based import surrogate as jelly_surrogate

THRESHOLD, V_RESET = 0.75, -0.25  # exact in binary, so that a potential can hit the threshold
SIZES = [(1, 5), (2, 7), (5, 3), (16, 1)]  # (time steps, neurons)


def triangle(x):
    return (1 - x.abs()).clamp(min=0)


def rectangle(x):
    return (x.abs() < 0.5).float()


def arctan(x):
    return 1 / (1 + (math.pi * x) ** 2)


def sigmoid(x):
    s = torch.sigmoid(4 * x)
    return 4 * s * (1 - s)


SURROGATES = {
    "triangle": (triangle, jelly_surrogate.PiecewiseQuadratic(alpha=1.0)),
    "rectangle": (rectangle, jelly_surrogate.Rect(alpha=1.0)),
    "arctan": (arctan, jelly_surrogate.ATan(alpha=2.0)),
    "sigmoid": (sigmoid, jelly_surrogate.Sigmoid(alpha=4.0)),
}


def spike(x, inclusive, derivative):
    class Spike(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return ((x >= 0) if inclusive else (x > 0)).float()

        @staticmethod
        def backward(ctx, grad):
            return grad * derivative(ctx.saved_tensors[0])

    return Spike.apply(x)


def charge(case, v, x, w):
    if case["neuron"] == "if":
        return v + x
    if case["neuron"] == "parametric_lif":
        return v + (x - (v - V_RESET)) * torch.sigmoid(w)
    if case["leak"] == "decay":
        return 0.5 * v + x
    return v + (x - (v - V_RESET)) / 2.0


def run(case, x, v, w):
    """Spikes, final state and distances to the threshold."""
    spikes, distances = [], []
    for x_t in x:
        u = charge(case, v, x_t, w)
        distances.append((u - THRESHOLD).detach())
        s = spike(u - THRESHOLD, case["rule"] == ">=", SURROGATES[case["surrogate"]][0])
        spikes.append(s)
        s = s.detach() if case["detach_reset"] else s
        if case["reset"] == "hard":
            v = (1 - s) * u + s * V_RESET
        elif case["reset"] == "subtract":
            v = u - s * THRESHOLD
        else:
            v = u
    return torch.stack(spikes), v, torch.stack(distances)


def gradients(spikes, v, weights, state_weights, variables):
    loss = (spikes * weights).sum() + (v * state_weights).sum()
    return torch.autograd.grad(loss, variables)


def draw(shape, generator, scale=1.0, shift=0.0):
    """Normal numbers with three decimals."""
    values = torch.randn(shape, generator=generator) * scale + shift
    return (values * 1000).round() / 1000


def inputs(case, steps, n, seed):
    """Draws until no potential is so near to a threshold or kink that rounding could decide."""
    hit = {"if": 0.75, "lif": 0.75 if case.get("leak") == "decay" else 1.75}.get(case["neuron"])
    for attempt in itertools.count():
        g = torch.Generator().manual_seed(seed * 1000 + attempt)
        x, v = draw((steps, n), g, 0.8, 0.4), draw((n,), g, 0.3)
        if hit is not None:
            x[0, 0], v[0] = hit, 0.0  # exactly at the threshold
        w = torch.tensor([0.3])
        d = run(case, x, v, w)[2].clone()
        if hit is not None:
            assert d[0, 0] == 0
            d[0, 0] = 0.1
        if all((d - kink).abs().min() > 1e-3 for kink in (0.0, 0.5, -0.5, 1.0, -1.0)):
            return x, v, w, draw((steps, n), g), draw((n,), g)


def peer(case, x, v, w):
    """The same neuron from a library, or None: (spikes, final state)."""
    arguments = dict(
        v_threshold=THRESHOLD,
        v_reset=V_RESET if case["reset"] == "hard" else None,
        surrogate_function=SURROGATES[case["surrogate"]][1],
        detach_reset=case["detach_reset"],
        step_mode="m",
    )
    if case["rule"] == ">=" and case["reset"] != "none":
        if case["neuron"] == "if":
            node = jelly.IFNode(**arguments)
        elif case["reset"] == "subtract" and case.get("leak") != "decay":
            return None  # SpikingJelly rests at 0 where v_reset is None
        elif case["neuron"] == "parametric_lif":
            node = jelly.ParametricLIFNode(**arguments)
            node.w = torch.nn.Parameter(w.reshape(()))
            node.v = v
            return node(x), node.v, node.w
        elif case["leak"] == "decay":
            # v + (v_reset - v)/2 + x: our form once the pull to v_reset is taken from the input.
            node = jelly.LIFNode(tau=2.0, decay_input=False, **arguments)
            x = x - (V_RESET / 2 if case["reset"] == "hard" else 0.0)
        else:
            node = jelly.LIFNode(tau=2.0, **arguments)
        node.v = v
        return node(x), node.v, None
    if (
        case["rule"] == ">"
        and case.get("leak") == "decay"
        and case["reset"] == "subtract"
        and not case["detach_reset"]
        and run(case, x, v, w)[2].max() < THRESHOLD
    ):
        # A potential that a subtraction leaves above the threshold loses a second one unseen.
        node = snntorch.Leaky(
            beta=0.5,
            threshold=THRESHOLD,
            reset_delay=False,
            spike_grad=lambda d: spike(d, False, SURROGATES[case["surrogate"]][0]),
        )
        spikes = []
        for x_t in x:
            s, v = node(x_t, v)
            spikes.append(s)
        return torch.stack(spikes), v, None
    return None


def settings():
    """Every combination for LIF; IF and PLIF take the surrogates in turn."""
    rules = list(itertools.product(("hard", "subtract", "none"), (">", ">="), (False, True)))
    for leak, surrogate, rule in itertools.product(("decay", "tau"), SURROGATES, rules):
        yield dict(neuron="lif", leak=leak, surrogate=surrogate, rule=rule)
    for name in ("if", "parametric_lif"):
        for i, rule in enumerate(rules):
            yield dict(neuron=name, surrogate=list(SURROGATES)[i % 4], rule=rule)


def numbers(tensor):
    return [float(f"{value:.8g}") for value in tensor.flatten().tolist()]


cases, checked = [], 0
for index, case in enumerate(settings()):
    case["reset"], case["rule"], case["detach_reset"] = case["rule"]
    # 4 sizes and 12 rules: shift by one per dozen, so that every rule meets every size.
    steps, n = SIZES[(index + index // 12) % 4]
    x, v, w, weights, state_weights = inputs(case, steps, n, index)
    variables = [t.clone().requires_grad_() for t in (x, v, w)]
    spikes, final, _ = run(case, *variables)
    if case["neuron"] != "parametric_lif":
        variables.pop()
    grads = gradients(spikes, final, weights, state_weights, variables)
    x2, v2 = (t.clone().requires_grad_() for t in (x, v))
    other = peer(case, x2, v2, w.clone())
    if other is not None:
        others = [x2, v2] + ([other[2]] if other[2] is not None else [])
        other_grads = gradients(other[0], other[1], weights, state_weights, others)
        pairs = [(spikes, other[0]), (final, other[1]), *zip(grads, other_grads)]
        for a, b in pairs:
            torch.testing.assert_close(a.flatten(), b.flatten(), rtol=1e-5, atol=1e-5)
        checked += 1
    cases.append(
        case
        | dict(
            time_steps=steps,
            x=numbers(x),
            state=numbers(v),
            weights=numbers(weights),
            state_weights=numbers(state_weights),
            spikes=[int(s) for s in spikes.flatten().tolist()],
            final_state=numbers(final),
            grad_x=numbers(grads[0]),
            grad_state=numbers(grads[1]),
            grad_w=numbers(grads[2]) if len(grads) == 3 else [],
        )
    )

assert len(cases) == 120 and checked == 30, (len(cases), checked)
versions = {name: metadata.version(name) for name in ("torch", "spikingjelly", "snntorch")}
head = dict(versions=versions, v_threshold=THRESHOLD, v_reset=V_RESET, w=0.3)
lines = ",\n".join(json.dumps(case, separators=(",", ":")) for case in cases)
text = json.dumps(head)[:-1] + ', "cases": [\n' + lines + "\n]}\n"
pathlib.Path(__file__).with_name("lif.json").write_text(text)
print(len(cases), "cases,", checked, "of them checked against a peer,", len(text), "bytes")
