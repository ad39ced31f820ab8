"""Golden values of whole networks, from PyTorch: writes `nets.json` beside it.

The networks are those of the recipes `steps/*.toml`, as plain PyTorch modules: convolutional
net, ResNet-19 and VGGSNN at full width, LIF neurons as a plain loop over time with plain autograd;
and ResNet-18 (average pooling in the stem) and SEW-ResNet-18 (add, maximum pooling), both with the
ImageNet stem and an eighth of their width.
Weights and batch follow from a formula of name and index that the test computes as well.
One training pass gives the loss (the mean over time of the cross-entropy), the firing rate of every
layer and the gradient of every parameter: its norm, and its products with eight vectors of signs.

A potential that rounding could lift over the threshold would make two libraries part ways.
So the seeds are chosen, among those that were tried, for a large smallest distance of all potentials
to the threshold; it is asserted and printed, as is what a pass in double precision gives.

`python nets.py` writes the file; `python nets.py search NET FIRST LAST` tries seeds. Needs torch.
"""

import json
import pathlib
import sys
from importlib import metadata

import numpy
import torch
from torch import nn
from torch.nn import functional

CLASSES = 10
SIGNS = 8  # vectors of signs per gradient
# Name: net, seed, time steps, samples, side of the image, and the least distance that will do.
# ResNet-19 and VGGSNN have too many potentials at the size of the step that is measured: some always
# lie within rounding of the threshold, and one spike more changes the loss by up to a hundredth.
CASES = {
    "convnet": ("convnet", 1, 4, 2, 16, 5e-6),
    "resnet-19": ("resnet-19", 7, 3, 2, 8, 5e-6),
    "vggsnn": ("vggsnn", 15, 2, 2, 32, 5e-6),
    "convnet of the step": ("convnet", 1, 4, 2, 32, 2e-6),
    "resnet-18": ("resnet-18", 5, 3, 2, 16, 1e-4),
    "sew-resnet-18": ("sew-resnet-18", 37, 3, 2, 16, 1e-4),
}
# The residual networks of ImageNet at an eighth of their width.
STAGES = [8, 16, 32, 64]


# ------------------------------------------------------------------ the formula of the numbers
def mix(x):
    """The finalizer of splitmix64 (Steele, Lea, Flood, OOPSLA 2014)."""
    x = (x ^ (x >> numpy.uint64(30))) * numpy.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> numpy.uint64(27))) * numpy.uint64(0x94D049BB133111EB)
    return x ^ (x >> numpy.uint64(31))


def hashes(seed, name, count):
    """64 bits for each index below `count`: of FNV-1a of the name, of the seed and of the index."""
    start = 0xCBF29CE484222325
    for byte in f"{seed}/{name}".encode():
        start = (start ^ byte) * 0x100000001B3 % 2**64
    index = numpy.arange(1, count + 1, dtype=numpy.uint64)
    with numpy.errstate(over="ignore"):
        return mix(numpy.uint64(start) + index * numpy.uint64(0x9E3779B97F4A7C15))


def uniform(seed, name, count):
    """Numbers in [0, 1)."""
    return (hashes(seed, name, count) >> numpy.uint64(11)).astype(numpy.float64) * 2.0**-53


def signs(name, number, count):
    """Ones and minus ones."""
    return numpy.where(hashes(number, name, count) >> numpy.uint64(63) == 1, -1.0, 1.0)


def parameter(seed, name, dims):
    """Values in [low, high) by what the parameter is; `dims` are those of candlewick."""
    # The hidden linear layer has no normalization: its weights are so large that it fires.
    bound = (40.0 if name.startswith("hidden") else 1.0) * int(numpy.prod(dims[:-1])) ** -0.5
    ranges = {"weight": (-bound, bound), "bias": (-0.1, 0.1), "gamma": (0.75, 1.25), "beta": (0.0, 0.5)}
    low, high = ranges[name.rsplit(".", 1)[1]]
    values = low + (high - low) * uniform(seed, name, int(numpy.prod(dims)))
    return values.astype(numpy.float32).reshape(dims)


def batch(seed, events, dims):
    """Images in [-2, 2), or event frames of 0, 1 and 2; the label of sample i is 3 i + 1 mod 10."""
    values = uniform(seed, "batch", int(numpy.prod(dims)))
    if events:
        values = (values >= 0.75).astype(numpy.float32) + (values >= 0.95).astype(numpy.float32)
    else:
        values = (4 * values - 2).astype(numpy.float32)
    labels = torch.tensor([(3 * sample + 1) % CLASSES for sample in range(dims[1])])
    # [T, B, H, W, C] to [T, B, C, H, W].
    return torch.from_numpy(values.reshape(dims)).permute(0, 1, 4, 2, 3).contiguous(), labels


# ------------------------------------------------------------------ the networks
class Spike(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return (x >= 0).to(x.dtype)

    @staticmethod
    def backward(ctx, grad):
        return grad * (1 - ctx.saved_tensors[0].abs()).clamp(min=0)


class Lif(nn.Module):
    """v = 0.5 v + x; a spike from 1 on; a hard reset that carries a gradient."""

    def forward(self, x):
        v, spikes, self.distance = 0.0, [], torch.inf
        for x_t in x:
            v = 0.5 * v + x_t
            self.distance = min(self.distance, (v.detach() - 1).abs().min().item())
            s = Spike.apply(v - 1)
            v = (1 - s) * v
            spikes.append(s)
        spikes = torch.stack(spikes)
        self.rate = spikes.detach().mean(dtype=torch.float64).item()
        return spikes


class EachStep(nn.Module):
    """A module of PyTorch over [T·B, …]."""

    def __init__(self, module):
        super().__init__()
        self.module = module

    def forward(self, x):
        y = self.module(x.flatten(0, 1))
        return y.view(*x.shape[:2], *y.shape[1:])


class Convolution(nn.Module):
    def __init__(self, inputs, outputs, kernel=3, stride=1, bias=False):
        super().__init__()
        convolution = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=bias)
        self.convolution, self.normalization = EachStep(convolution), EachStep(nn.BatchNorm2d(outputs))

    def forward(self, x):
        return self.normalization(self.convolution(x))


class Driven(nn.Module):
    def __init__(self, currents):
        super().__init__()
        self.currents, self.neuron = currents, Lif()

    def forward(self, x):
        return self.neuron(self.currents(x))


class Basic(nn.Module):
    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.first = Driven(Convolution(inputs, outputs, 3, stride))
        self.second = Convolution(outputs, outputs)
        around = stride != 1 or inputs != outputs
        self.shortcut = Convolution(inputs, outputs, 1, stride) if around else None
        self.neuron = Lif()

    def forward(self, x):
        currents = self.second(self.first(x))
        return self.neuron(currents + (x if self.shortcut is None else self.shortcut(x)))


class SpikeElementWise(nn.Module):
    """Spikes that are added: Fang et al., NeurIPS 2021."""

    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.first = Driven(Convolution(inputs, outputs, 3, stride))
        self.second = Driven(Convolution(outputs, outputs))
        around = stride != 1 or inputs != outputs
        self.shortcut = Driven(Convolution(inputs, outputs, 1, stride)) if around else None

    def forward(self, x):
        return self.second(self.first(x)) + (x if self.shortcut is None else self.shortcut(x))


def average():
    return EachStep(nn.AvgPool2d(2))


def flatten():
    return nn.Flatten(-3)


def linear(inputs, outputs):
    return EachStep(nn.Linear(inputs, outputs))


def chain(layers, side, channels, bias):
    """The layers by name: `64` is a convolution with 64 channels, `AP` a pooling."""
    named, count = {}, 0
    for layer in layers:
        if layer == "AP":
            named[f"pool{len(named)}"], side = average(), side // 2
        elif layer == "GAP":
            named["average"], side = EachStep(nn.AdaptiveAvgPool2d(1)), 1
        else:
            count += 1
            named[f"convolution{count}"] = Driven(Convolution(channels, layer, bias=bias))
            channels = layer
    return named | {"flatten": flatten(), "classifier": linear(channels * side**2, CLASSES)}


def network(net, side):
    if net == "convnet":
        return chain([64, 128, "AP", 256, "AP", 256, "GAP"], side, 3, False)
    if net == "vggsnn":
        layers = [64, 128, "AP", 256, 256, "AP", 512, 512, "AP", 512, 512, "AP"]
        return chain(layers, side, 2, True)
    if net in ("resnet-18", "sew-resnet-18"):
        block, pool = (Basic, nn.AvgPool2d) if net == "resnet-18" else (SpikeElementWise, nn.MaxPool2d)
        inputs = STAGES[0]
        layers = {"stem": Driven(Convolution(3, inputs, 7, 2)), "pool": EachStep(pool(3, 2, 1))}
        for stage, outputs in enumerate(STAGES):
            for number in range(2):
                stride = 2 if stage > 0 and number == 0 else 1
                layers[f"stage{stage + 1}.{number}"] = block(inputs, outputs, stride)
                inputs = outputs
        head = {"average": EachStep(nn.AdaptiveAvgPool2d(1)), "flatten": flatten()}
        return layers | head | {"classifier": linear(inputs, CLASSES)}
    layers, inputs = {"stem": Driven(Convolution(3, 64))}, 64
    for stage, (blocks, outputs) in enumerate([(3, 128), (3, 256), (2, 512)]):
        for block in range(blocks):
            stride = 2 if stage > 0 and block == 0 else 1
            layers[f"stage{stage + 1}.{block}"] = Basic(inputs, outputs, stride)
            inputs = outputs
    return layers | {
        "average": EachStep(nn.AdaptiveAvgPool2d(1)),
        "flatten": flatten(),
        "hidden": Driven(linear(512, 256)),
        "classifier": linear(256, CLASSES),
    }


def named_parameters(layers):
    """(name in candlewick, parameter, how to permute it to candlewick's order)."""
    for name, layer in layers.items():
        for path, module in layer.named_modules():
            path = ".".join(part for part in [name, *path.split(".")] if part not in ("", "currents", "module"))
            path = path.replace(".convolution", "")
            if isinstance(module, nn.Conv2d):
                yield f"{path}.weight", module.weight, (2, 3, 1, 0)
            elif isinstance(module, nn.Linear):
                yield f"{path}.weight", module.weight, (1, 0)
            if isinstance(module, (nn.Conv2d, nn.Linear)) and module.bias is not None:
                yield f"{path}.bias", module.bias, (0,)
            if isinstance(module, nn.BatchNorm2d):
                yield f"{path}.gamma", module.weight, (0,)
                yield f"{path}.beta", module.bias, (0,)


def neurons(layers):
    for name, layer in layers.items():
        for path, module in layer.named_modules():
            if isinstance(module, Lif):
                yield f"{name}.{path}".removesuffix(".neuron"), module


# ------------------------------------------------------------------ a pass
def run(net, seed, time_steps, samples, side, dtype=torch.float32, backward=True):
    layers = network(net, side)
    for name, value, order in named_parameters(layers):
        ours = parameter(seed, name, [value.shape[axis] for axis in order])
        back = sorted(range(len(order)), key=lambda axis: order[axis])
        value.data = torch.from_numpy(ours).permute(back).contiguous().to(dtype)
    for layer in layers.values():
        layer.to(dtype)
    events = net == "vggsnn"
    dims = (time_steps if events else 1, samples, side, side, 2 if events else 3)
    x, labels = batch(seed, events, dims)
    x = x.to(dtype).repeat(1 if events else time_steps, 1, 1, 1, 1)
    with torch.set_grad_enabled(backward):
        for layer in layers.values():
            x = layer(x)
        loss = functional.cross_entropy(x.flatten(0, 1), labels.repeat(time_steps))
    if backward:
        loss.backward()
    return layers, loss.item()


def gradients(layers):
    """Gradients in candlewick's order, in double precision."""
    return {
        name: value.grad.permute(order).flatten().double().numpy()
        for name, value, order in named_parameters(layers)
    }


def smallest_distance(layers):
    return min(neuron.distance for _, neuron in neurons(layers))


def rounded(value):
    return float(f"{value:.9g}")


def case(name):
    net, seed, time_steps, samples, side, least = CASES[name]
    layers, loss = run(net, seed, time_steps, samples, side)
    distance = smallest_distance(layers)
    assert distance >= least, (name, distance)
    found = gradients(layers)
    exact_layers, exact_loss = run(net, seed, time_steps, samples, side, torch.float64)
    exact = gradients(exact_layers)
    norm = {key: numpy.linalg.norm(value) for key, value in exact.items()}
    total = sum(value**2 for value in norm.values()) ** 0.5
    worst = max(
        (numpy.linalg.norm(found[key] - exact[key]) / norm[key], key) for key in found if norm[key] > 1e-6 * total
    )
    print(
        f"{name}: loss {loss:.7f}, smallest distance {distance:.1e}; in double precision the loss differs by "
        f"{abs(loss - exact_loss) / exact_loss:.1e}, gradients by up to {worst[0]:.1e} ({worst[1]})"
    )
    return dict(
        net=net,
        seed=seed,
        time_steps=time_steps,
        samples=samples,
        side=side,
        smallest_distance=rounded(distance),
        loss=rounded(loss),
        firing_rates={key: rounded(neuron.rate) for key, neuron in neurons(layers)},
        gradients={
            key: dict(
                norm=rounded(numpy.linalg.norm(value)),
                products=[rounded(signs(key, number, len(value)) @ value) for number in range(SIGNS)],
            )
            for key, value in found.items()
        },
    )


def search(name, first, last):
    net, _, *dims, _ = CASES[name]
    found = []
    for seed in range(first, last):
        layers, _ = run(net, seed, *dims, backward=False)
        found.append((smallest_distance(layers), seed))
    for distance, seed in sorted(found)[-5:]:
        print(f"{name}, seed {seed}: smallest distance {distance:.1e}")
    print({key: round(neuron.rate, 3) for key, neuron in neurons(layers)})


if __name__ == "__main__":
    torch.set_num_threads(1)
    if sys.argv[1:2] == ["search"]:
        search(sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
        sys.exit()
    cases = [json.dumps({"name": name} | case(name)) for name in CASES]
    text = '{"torch": "' + metadata.version("torch") + '", "cases": [\n' + ",\n".join(cases) + "\n]}\n"
    pathlib.Path(__file__).with_name("nets.json").write_text(text)
    print(len(cases), "networks,", len(text), "bytes")
