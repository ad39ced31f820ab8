"""NIR graphs of other libraries and ours, run over time: writes `exchange/nir.json` and two graphs beside it.

* `spikingjelly.nir`: a convolutional net of SpikingJelly with decaying input, exported by it;
* `snntorch.nir`: a linear net of snnTorch with an immediate hard reset, exported by it;
* `ours.nir`, which the test `crates/exchange/tests/nir.rs` wrote, is read by the package `nir`, run by the
  interpreter below in double precision and by SpikingJelly's own import, which must agree.

`nir.json` has inputs [T, B, C, H, W] or [T, B, N], the output at every step, and spikes per layer.
A seed is taken only if no potential is so near to the threshold that rounding could lift it over.

Needs torch, nir, nirtorch, snntorch and spikingjelly.
"""

import json
import pathlib
import sys
from importlib import metadata

import nir
import numpy
import snntorch
import torch
from snntorch.export_nir import export_to_nir as export_snntorch
from spikingjelly.activation_based import functional, layer, neuron
from spikingjelly.activation_based.nir_exchange import export_to_nir as export_spikingjelly
from spikingjelly.activation_based.nir_exchange import import_from_nir
from torch import nn

# The numbers of our own network are those of the golden networks.
sys.path.append(str(pathlib.Path(__file__).parents[2] / "bench" / "golden"))
from nets import uniform  # noqa: E402

FOLDER = pathlib.Path(__file__).with_name("exchange")
DT = 1e-4
LEAST = 1e-5  # smallest distance of a potential to the threshold


def chain(graph):
    """The nodes in the order of the edges."""
    behind = dict(graph.edges)
    name = next(name for name, node in graph.nodes.items() if isinstance(node, nir.Input))
    while name in behind:
        name = behind[name]
        yield name, graph.nodes[name]


def interpret(graph, x):
    """Runs a chain over [T, B, …] by forward Euler steps of DT; gives the output, the spikes of every layer
    of neurons, and the smallest distance of a potential to its threshold."""
    x, spikes, least = torch.as_tensor(x, dtype=torch.float64), {}, torch.inf
    tensor = lambda value: torch.as_tensor(numpy.asarray(value), dtype=torch.float64)
    pair = lambda value: tuple(int(size) for size in numpy.broadcast_to(value, (2,)))
    each = lambda f, x: torch.stack([f(x_t) for x_t in x])
    for name, node in chain(graph):
        if isinstance(node, nir.Conv2d):
            f = lambda x_t: nn.functional.conv2d(
                x_t, tensor(node.weight), tensor(node.bias), pair(node.stride), pair(node.padding)
            )
            x = each(f, x)
        elif isinstance(node, nir.Affine):
            x = x @ tensor(node.weight).T + tensor(node.bias)
        elif isinstance(node, nir.Linear):
            x = x @ tensor(node.weight).T
        elif isinstance(node, nir.AvgPool2d):
            x = each(lambda x_t: nn.functional.avg_pool2d(x_t, pair(node.kernel_size), pair(node.stride)), x)
        elif isinstance(node, nir.Flatten):
            x = x.flatten(2)
        elif isinstance(node, (nir.LIF, nir.IF)):
            v, fired = torch.zeros_like(x[0]), []
            for x_t in x:
                if isinstance(node, nir.LIF):
                    v = v + DT / tensor(node.tau) * ((tensor(node.v_leak) - v) + tensor(node.r) * x_t)
                else:
                    v = v + DT * tensor(node.r) * x_t
                z = v > tensor(node.v_threshold)
                least = min(least, (v - tensor(node.v_threshold)).abs().min().item())
                v = torch.where(z, tensor(node.v_reset), v)
                fired.append(z.double())
            x = spikes[name] = torch.stack(fired)
        else:
            assert isinstance(node, nir.Output), node
    return x, spikes, least


def case(name, x, output, spikes):
    return dict(
        name=name,
        input_dims=list(x.shape),
        input=[float(f"{value:.9g}") for value in x.flatten().tolist()],
        output_dims=list(output.shape),
        output=[float(f"{value:.9g}") for value in output.flatten().tolist()],
        spikes=[int(fired.sum().item()) for fired in spikes.values()],
    )


def spikingjelly_net():
    """v ← v + (x - v) / 2, firing at 0.5 or above; a linear readout."""
    fires = lambda: neuron.LIFNode(2.0, True, 0.5, 0.0, step_mode="m")
    net = nn.Sequential(
        layer.Conv2d(2, 4, 3, padding=1, step_mode="m"),
        fires(),
        layer.AvgPool2d(2, step_mode="m"),
        layer.Conv2d(4, 6, 3, stride=2, padding=1, step_mode="m"),
        fires(),
        layer.Flatten(step_mode="m"),
        layer.Linear(6 * 4, 12, step_mode="m"),
        fires(),
        layer.Linear(12, 5, step_mode="m"),
    )
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.mul_(4)
    return net


def snntorch_net():
    """v ← 0.8 v + x, firing above 1, set to 0 at once; ends in neurons."""
    # The export knows the shape of neurons by that of their constants.
    fires = lambda size, **settings: snntorch.Leaky(
        torch.full([size], 0.8),
        threshold=torch.ones(size),
        reset_mechanism="zero",
        reset_delay=False,
        init_hidden=True,
        **settings,
    )
    net = nn.Sequential(nn.Linear(12, 16), fires(16), nn.Linear(16, 6), fires(6, output=True))
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.mul_(3)
    return net


def try_seeds(name, make):
    for seed in range(1000):
        torch.manual_seed(seed)
        graph, x, output = make()
        exact, spikes, least = interpret(graph, x)
        if least >= LEAST:
            break
    else:
        raise SystemExit(f"{name}: no seed")
    off = (exact - output).abs().max().item()
    rates = [round(fired.mean().item(), 3) for fired in spikes.values()]
    print(f"{name}: seed {seed}, distance {least:.1e}, firing rates {rates}; interpreted output differs by {off:.1e}")
    assert off < 1e-5
    nir.write(FOLDER / f"{name}.nir", graph)
    return case(name, x, output, spikes)


def of_spikingjelly():
    net, x = spikingjelly_net(), (torch.rand(6, 2, 2, 8, 8) < 0.4).float()
    graph = export_spikingjelly(net, x[:, :1], dt=DT)
    functional.reset_net(net)
    with torch.no_grad():
        return graph, x, net(x)


def of_snntorch():
    net, x = snntorch_net(), (torch.rand(8, 3, 12) < 0.4).float()
    with torch.no_grad():
        graph = export_snntorch(net, x[0], ignore_dims=[0])
        # The export ran the network once: forget it.
        for module in net:
            if isinstance(module, snntorch.Leaky):
                module.mem = module.init_leaky()
        output = torch.stack([net(x_t)[0] for x_t in x])
    return graph, x, output


def ours():
    """What `nir` makes of our file."""
    graph = nir.read(FOLDER / "ours.nir")
    dims = (5, 2, 8, 8, 2)
    values = uniform(1, "batch", int(numpy.prod(dims)))
    x = torch.from_numpy((values >= 0.6).astype(numpy.float64).reshape(dims)).permute(0, 1, 4, 2, 3)
    output, spikes, least = interpret(graph, x)
    assert least >= LEAST, least
    assert float(graph.metadata["dt"]) == DT, graph.metadata
    net, state, steps = import_from_nir(graph, dt=DT), None, []
    with torch.no_grad():
        for x_t in x.float():
            y, state = net(x_t, state)
            steps.append(y)
    off = (torch.stack(steps) - output).abs().max().item()
    rates = [round(fired.mean().item(), 3) for fired in spikes.values()]
    print(f"ours.nir: {list(graph.nodes)}")
    print(f"ours.nir: distance {least:.1e}, firing rates {rates}; SpikingJelly's import differs by {off:.1e}")
    assert off < 1e-4
    return case("ours", x, output, spikes)


if __name__ == "__main__":
    torch.set_num_threads(1)
    cases = [try_seeds("spikingjelly", of_spikingjelly), try_seeds("snntorch", of_snntorch), ours()]
    versions = {name: metadata.version(name) for name in ["nir", "snntorch", "spikingjelly", "torch"]}
    text = '{"versions": ' + json.dumps(versions) + ', "cases": [\n'
    text += ",\n".join(json.dumps(case) for case in cases) + "\n]}\n"
    (FOLDER / "nir.json").write_text(text)
