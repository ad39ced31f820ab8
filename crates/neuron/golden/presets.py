"""Golden values of the semantics presets and of further neurons, from the libraries themselves:
writes `presets.json` beside it.

A case is a neuron of a library with its own defaults (or, for the codes of TET and MSG, their
equations, which SpikingJelly's node with their settings must confirm), our settings for the same
neuron, one input and what comes out, forward and backward.
Run `python presets.py` with torch, spikingjelly, snntorch and norse installed.
"""

import json
import pathlib
from importlib import metadata

import snntorch
import torch
from norse.torch import LIFCell
from spikingjelly.activation_based import neuron as jelly
from spikingjelly.activation_based import surrogate

STEPS, NEURONS = 12, 24


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


def tet(x):
    """LIFSpike of the TET code: decay 0.5, threshold 1, ZIF surrogate with gamma 1."""
    u, spikes = torch.zeros_like(x[0]), []
    for x_t in x:
        u = 0.5 * u + x_t
        s = spike(u - 1.0, False, lambda d: (1 - d.abs()).clamp(min=0))
        u = (1 - s) * u
        spikes.append(s)
    return torch.stack(spikes), u


def msg(x):
    """LIF of the MSG code: tau 2, threshold 0.5, PL surrogate with alpha 2."""
    m, spikes = torch.zeros_like(x[0]), []
    for x_t in x:
        m = m + (x_t - m) / 2
        s = spike(m - 0.5, True, lambda d: (2 - 4 * d.abs()).clamp(min=0))
        m = m * (1 - s)
        spikes.append(s)
    return torch.stack(spikes), m


def of_jelly(node):
    def run(x):
        node.step_mode = "m"
        node.reset()
        return node(x), node.v

    return run


def of_snntorch(node):
    def run(x):
        mem, spikes = torch.zeros_like(x[0]), []
        for x_t in x:
            s, mem = node(x_t, mem)
            spikes.append(s)
        return torch.stack(spikes), mem

    return run


def of_norse(x):
    cell, state, spikes = LIFCell(), None, []
    for x_t in x:
        s, state = cell(x_t, state)
        spikes.append(s)
    return torch.stack(spikes), state.v


def readout(x):
    node = jelly.NonSpikingLIFNode()
    potentials = node(x)
    return torch.stack(potentials), potentials[-1]


def hard(**others):
    return {"rule": ">=", "reset": "hard", **others}


# name: (library, run, scale and shift of the input, our settings or None for the preset, also)
triangle = surrogate.PiecewiseQuadratic
CASES = {
    "tet": ("TET code", tet, 0.7, 0.5, None, [
        jelly.LIFNode(tau=2.0, decay_input=False, surrogate_function=triangle(alpha=1.0)),
        snntorch.Leaky(beta=0.5, reset_mechanism="zero", reset_delay=False,
                       spike_grad=lambda d: spike(d, False, lambda d: (1 - d.abs()).clamp(min=0))),
    ]),
    "spikingjelly": ("SpikingJelly LIFNode()", of_jelly(jelly.LIFNode()), 1.2, 0.9, None, []),
    "snntorch": ("snnTorch Leaky(beta=0.5)", of_snntorch(snntorch.Leaky(beta=0.5)), 0.7, 0.5, None, []),
    "norse": ("Norse LIFCell()", of_norse, 2.0, 1.5, None, []),
    "msg": ("MSG code", msg, 0.8, 0.4, None, [
        jelly.LIFNode(tau=2.0, v_threshold=0.5, surrogate_function=triangle(alpha=2.0)),
    ]),
    "integrate_and_fire": ("SpikingJelly IFNode()", of_jelly(jelly.IFNode()), 0.6, 0.2,
        {"neuron": {"if": {"firing": hard()}}, "surrogate": "sigmoid"}, []),
    "synaptic": ("SpikingJelly CUBALIFNode()", of_jelly(jelly.CUBALIFNode()), 0.5, 0.1,
        {"neuron": {"synaptic_lif": {"firing": hard(v_threshold=0.5)}}, "surrogate": "rectangle"}, []),
    "izhikevich": ("SpikingJelly IzhikevichNode(a, b)", of_jelly(jelly.IzhikevichNode(a=0.5, b=0.25)), 0.8, 0.5,
        {"neuron": {"izhikevich": {"tau": 2.0, "a0": 1.0, "v_rest": -0.1, "v_critical": 0.8,
                                   "tau_w": 2.0, "a": 0.5, "b": 0.25, "firing": hard()}},
         "surrogate": "sigmoid"}, []),
    "leaky_integrator": ("SpikingJelly NonSpikingLIFNode()", readout, 1.0, 0.0,
        {"neuron": {"leaky_integrator": {}}, "surrogate": "sigmoid"}, []),
    "delayed_hard": ("snnTorch Leaky(reset_mechanism=zero)",
        of_snntorch(snntorch.Leaky(beta=0.75, reset_mechanism="zero")), 0.7, 0.5,
        {"neuron": {"delayed_reset_lif": {"leak": {"decay": 0.75},
                                          "firing": {"reset": "hard", "detach_reset": True}}},
         "surrogate": "arctan"}, []),
}  # fmt: skip


def numbers(tensor):
    return [float(f"{value:.8g}") for value in tensor.flatten().tolist()]


def backward(run, x, weights, last_weights):
    x = x.clone().requires_grad_()
    output, v = run(x)
    # Norse gives no gradient to the last potential's weight by another path: the same loss for all.
    loss = (output * weights).sum() + (v * last_weights).sum()
    return output, v, torch.autograd.grad(loss, x)[0]


generator = torch.Generator().manual_seed(2026)
cases, confirmed = [], 0
for name, (library, run, scale, shift, settings, others) in CASES.items():
    x = torch.randn((STEPS, NEURONS), generator=generator) * scale + shift
    x = (x * 1000).round() / 1000
    weights = (torch.randn((STEPS, NEURONS), generator=generator) * 1000).round() / 1000
    last_weights = (torch.randn(NEURONS, generator=generator) * 1000).round() / 1000
    output, v, grad_x = backward(run, x, weights, last_weights)
    for other in others:
        again = of_snntorch(other) if isinstance(other, snntorch.Leaky) else of_jelly(other)
        for a, b in zip((output, v, grad_x), backward(again, x, weights, last_weights)):
            torch.testing.assert_close(a, b, rtol=1e-5, atol=1e-5)
        confirmed += 1
    rate = output.detach().mean().item()
    assert name == "leaky_integrator" or 0.05 < rate < 0.8, (name, rate)
    cases.append(dict(name=name, library=library, settings=settings, x=numbers(x),
                      weights=numbers(weights), last_weights=numbers(last_weights),
                      output=numbers(output), v=numbers(v), grad_x=numbers(grad_x)))  # fmt: skip

assert len(cases) == 10 and confirmed == 3
libraries = ("torch", "spikingjelly", "snntorch", "norse")
head = dict(versions={name: metadata.version(name) for name in libraries},
            time_steps=STEPS, neurons=NEURONS)  # fmt: skip
lines = ",\n".join(json.dumps(case, separators=(",", ":")) for case in cases)
text = json.dumps(head)[:-1] + ', "cases": [\n' + lines + "\n]}\n"
pathlib.Path(__file__).with_name("presets.json").write_text(text)
print(len(cases), "cases,", len(text), "bytes")
