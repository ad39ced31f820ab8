"""Golden values of the training methods, from PyTorch: writes `methods.json` beside it.

A network of two convolutions with LIF neurons and a linear classifier is trained for one step by each
method, written here as its formula says with plain autograd, in float64; the test compares the loss,
the penalty and the gradients of all parameters. The random masks are drawn by an implementation of
Philox and of the streams' names of its own.
Run `python methods.py` with torch installed.
"""

import json
import math
import pathlib

import torch
import torch.nn.functional as F

torch.manual_seed(5)
torch.set_default_dtype(torch.float64)
T, B, SIZE, CHANNELS, CLASSES = 3, 4, 6, 3, 3
SEED = 7  # of the pass
NAMES = ["convolution1", "convolution2"]


# --- random streams: Philox 4x32-10, keys by FNV-1a names ---


def philox(counter, key):
    c, k = list(counter), list(key)
    for i in range(10):
        if i > 0:
            k = [(k[0] + 0x9E3779B9) & 0xFFFFFFFF, (k[1] + 0xBB67AE85) & 0xFFFFFFFF]
        a, b = 0xD2511F53 * c[0], 0xCD9E8D57 * c[2]
        c = [
            (b >> 32) ^ c[1] ^ k[0],
            b & 0xFFFFFFFF,
            (a >> 32) ^ c[3] ^ k[1],
            a & 0xFFFFFFFF,
        ]
    return c


def block(key, domain, index):
    low, high = index & 0xFFFFFFFF, index >> 32
    return philox([low, high, domain, 0], [key & 0xFFFFFFFF, key >> 32])


def derive(key, domain, value):
    words = block(key, domain, value)
    return words[0] | words[1] << 32


def named(key, purpose):
    hashed = 0xCBF29CE484222325
    for byte in purpose.encode():
        hashed = ((hashed ^ byte) * 0x100000001B3) % 2**64
    return derive(key, 1, hashed)


def masked(key, p, count):
    """Whether each of the first `count` elements of the stream is 1, with probability p."""
    numerator = round(p * 65536)
    bits = []
    for i in range(count):
        sheet, word, bit = i // 256, i % 256 // 32, i % 32
        uniform = 0
        for digit in range(16):
            random = block(key, 0, sheet * 32 + 2 * digit + word // 4)[word % 4]
            uniform = uniform << 1 | (1 - (random >> bit & 1))
        bits.append(1.0 if uniform < numerator else 0.0)
    return torch.tensor(bits)


# --- the network ---


def rounded(tensor):
    return tensor.float().double()


def triangle_primitive(x, gamma):
    rising = (x + gamma) ** 2 / (2 * gamma**2)
    falling = 1 - (gamma - x) ** 2 / (2 * gamma**2)
    inside = torch.where(x < 0, rising, falling)
    return torch.where(x <= -gamma, 0.0 * x, torch.where(x >= gamma, 0.0 * x + 1, inside))


def arctan_primitive(x, alpha):
    return torch.atan(math.pi / 2 * alpha * x) / math.pi + 0.5


class Spike(torch.autograd.Function):
    """A step whose derivatives, by distance and by parameter, are those of a smooth primitive."""

    @staticmethod
    def forward(ctx, x, parameter, primitive, keep):
        ctx.save_for_backward(x, parameter, keep)
        ctx.primitive = primitive
        return (x > 0).double()

    @staticmethod
    def backward(ctx, grad):
        x, parameter, keep = ctx.saved_tensors
        with torch.enable_grad():
            x, parameter = x.detach().requires_grad_(), parameter.detach().requires_grad_()
            smooth = ctx.primitive(x, parameter)
            by_x, by_parameter = torch.autograd.grad(smooth, [x, parameter], grad * keep)
        return by_x, by_parameter, None, None


INPUT = rounded(torch.rand(B, 1, SIZE, SIZE) * 2)
LABELS = torch.tensor([0, 2, 1, 2])
PARAMETERS = {
    "convolution1.weight": rounded(torch.randn(CHANNELS, 1, 3, 3) * 0.7),
    "convolution1.bias": rounded(torch.randn(CHANNELS) * 0.3),
    "convolution2.weight": rounded(torch.randn(CHANNELS, CHANNELS, 3, 3) * 0.8),
    "convolution2.bias": rounded(torch.randn(CHANNELS) * 0.3 + 0.2),
    "classifier.weight": rounded(torch.randn(CLASSES, CHANNELS * (SIZE // 2) ** 2) * 0.5),
    "classifier.bias": rounded(torch.randn(CLASSES) * 0.1),
    "side1.weight": rounded(torch.randn(CLASSES, CHANNELS)),
    "side1.bias": rounded(torch.randn(CLASSES) * 0.1),
}


def run(primitive, start, learns, keep):
    """One forward pass, with a copy of the second weight per step, and everything in between."""
    p = {name: value.clone().requires_grad_() for name, value in PARAMETERS.items()}
    logarithms = [torch.tensor(math.log(start), requires_grad=True) for _ in NAMES]
    copies = [PARAMETERS["convolution2.weight"].clone().requires_grad_() for _ in range(T)]
    potentials, spikes, currents = [[], []], [[], []], [[], []]
    logits, side, pooled = [], [], []

    def neuron(layer, t, state, current):
        u = 0.5 * state + current
        width = torch.exp(logarithms[layer]) if learns else torch.tensor(start)
        s = Spike.apply(u - 1.0, width, primitive, keep[layer][t])
        currents[layer].append(current)
        potentials[layer].append(u)
        spikes[layer].append(s)
        return u * (1 - s), s

    first = second = torch.zeros(())
    current = F.conv2d(INPUT, p["convolution1.weight"], p["convolution1.bias"], padding=1)
    for t in range(T):
        first, s = neuron(0, t, first, current)
        x = F.avg_pool2d(s, 2)
        pooled.append(x)
        side.append(x.mean(dim=(2, 3)) @ p["side1.weight"].T + p["side1.bias"])
        second, s = neuron(1, t, second, F.conv2d(x, copies[t], p["convolution2.bias"], padding=1))
        logits.append(s.flatten(1) @ p["classifier.weight"].T + p["classifier.bias"])
    return p, logarithms, copies, currents, potentials, spikes, pooled, torch.stack(logits), torch.stack(side)


def traces(spikes):
    trace, all_traces = torch.zeros(()), []
    for s in spikes:
        trace = math.exp(-1) * trace + s.detach()
        all_traces.append(trace)
    return all_traces


def scaled(copies, pooled, spikes, alpha, post_source, trace_time):
    pre = traces(pooled)
    post = pre if post_source == "pre" else traces(spikes)
    total = 0
    for t in range(T):
        at = T - 1 if trace_time == "final" else t
        h = torch.nn.grad.conv2d_weight(pre[at], copies[t].shape, post[at], padding=1)
        m = (1 - alpha) + alpha * h / h.max() if h.max() > 0 else 1.0
        total = total + copies[t].grad * m
    return total


def divergence(u, mu, sigma):
    m, s2 = u.mean(), u.var(unbiased=False)
    return 0.25 * (s2 / sigma**2 + sigma**2 / s2 - 2 + (m - mu) ** 2 * (1 / s2 + 1 / sigma**2))


def case(name, loss="[cross_entropy]", methods="", surrogate="triangle", **options):
    primitive, start = {"triangle": (triangle_primitive, 1.0), "arctan": (arctan_primitive, 2.0)}[surrogate]
    keep = [[torch.ones(()) for _ in range(T)] for _ in NAMES]
    if "mask" in options:
        for layer, size in enumerate([SIZE, SIZE // 2]):
            key = named(named(derive(SEED, 2, 0), NAMES[layer]), "masked_surrogate")
            bits = masked(key, options["mask"], T * B * size * size * CHANNELS)
            kept = (1 - bits).reshape(T, B, size, size, CHANNELS).permute(0, 1, 4, 2, 3)
            keep[layer] = list(kept * options.get("rescale", 1.0))
    p, logarithms, copies, currents, potentials, spikes, pooled, logits, side = run(
        primitive, options.get("start", start), options.get("learns", False), keep
    )
    for layer in spikes:
        assert 0.1 < torch.stack(layer).mean() < 0.6, "a layer is silent or saturated"
    total = logits + options.get("side", 0.0) * side
    if "weights" in options:
        total = total * torch.tensor(options["weights"]).reshape(T, 1, 1)
    if loss.startswith("[tet]"):
        entropy = torch.stack([F.cross_entropy(total[t], LABELS) for t in range(T)]).mean()
        value = 0.95 * entropy + 0.05 * ((total - 1.0) ** 2).mean()
    else:
        value = F.cross_entropy(total.mean(0), LABELS)
    penalty = torch.zeros(())
    for u, s, i in zip(potentials, spikes, currents):
        u, s, i = torch.stack(u), torch.stack(s), torch.stack(i).detach()
        if options.get("objective") == "currents":
            penalty = penalty + 0.5 * divergence(u, i.mean(), i.std(unbiased=False)) / len(NAMES)
        if options.get("objective") == "spikes":
            penalty = penalty + 0.5 * ((u - s) ** 2).mean() / len(NAMES)
        if "sigma" in options:
            penalty = penalty + 0.5 * divergence(u, options["mu"], options["sigma"]) / len(NAMES)
        if "penalty" in options:
            penalty = penalty + options["penalty"](s.mean()) / len(NAMES)
    (value + penalty).backward()
    gradients = {}
    for key, parameter in p.items():
        if key.startswith("side1") and "side" not in options:
            continue
        gradient = parameter.grad
        if key == "convolution2.weight":
            gradient = sum(copy.grad for copy in copies)
            if "alpha" in options:
                gradient = scaled(copies, pooled, spikes[1], options["alpha"], *options["traces"])
            if "weight_mask" in options:
                key_of_mask = named(named(derive(SEED, 2, 0), NAMES[1]), "masked_surrogate")
                bits = masked(key_of_mask, options["weight_mask"], gradient.numel())
                kept = (1 - bits).reshape(3, 3, CHANNELS, CHANNELS).permute(3, 2, 0, 1)
                gradient = gradient * kept
        gradients[key] = layout(gradient)
    if options.get("learns"):
        for layer, logarithm in zip(NAMES, logarithms):
            gradients[f"{layer}.neuron.surrogate"] = [logarithm.grad.item()]
    return {
        "name": name,
        "surrogate": surrogate,
        "loss": loss,
        "methods": methods,
        "weights": options.get("weights", []),
        "value": value.item(),
        "penalty": penalty.item(),
        "gradients": gradients,
    }


def layout(tensor):
    """In candlewick's order: [kernel_h, kernel_w, in, out] and [in, out]."""
    if tensor.dim() == 4:
        tensor = tensor.permute(2, 3, 1, 0)
    elif tensor.dim() == 2:
        tensor = tensor.T
    return tensor.reshape(-1).tolist()


def scaling(alpha, post, time):
    settings = f'alpha = {alpha}\npost_source = "{post}"\ntrace_time = "{time}"'
    return {"methods": f"[gradient_scaling]\n{settings}", "alpha": alpha, "traces": (post, time)}


CASES = [
    case("baseline"),
    case("tet", loss="[tet]\nlambda = 0.05\nphi = 1.0"),
    case("two", methods="[temporally_weighted_output]", weights=[0.6, 1.1, 1.3]),
    case("msg", methods="[masked_surrogate]\np = 0.5", mask=0.5),
    case("msg rescaled", methods="[masked_surrogate]\np = 0.3\nrescale = true", mask=0.3, rescale=1 / 0.7),
    case("msg on weights", methods='[masked_surrogate]\np = 0.5\nsite = "weight"', weight_mask=0.5),
    case("gradient scaling", **scaling(0.5, "post", "step")),
    case("gradient scaling, final traces", **scaling(0.5, "post", "final")),
    case("gradient scaling, pre-synaptic traces", **scaling(0.3, "pre", "step")),
    case("psg triangle", methods="[parametric_surrogate]\nmean_gradient = false", learns=True),
    case("psg arctan", methods="[parametric_surrogate]\nmean_gradient = false", surrogate="arctan", learns=True),
    # Without a normalization its weight is 1; the decay is 0.5 and the threshold 1.
    case("psg by statistics", methods='[parametric_surrogate]\nupdate = "statistics"', start=math.sqrt(1.25)),
    case(
        "msg + psg",
        methods="[parametric_surrogate]\nmean_gradient = false\n[masked_surrogate]\np = 0.5",
        surrogate="arctan",
        learns=True,
        mask=0.5,
    ),
    case("pda", methods="[potential_distribution]\nlambda = 0.5", mu=0.0, sigma=1.0),
    case(
        "pda, target given",
        methods="[potential_distribution]\nlambda = 0.5\nmu = 0.25\nsigma = 0.5",
        mu=0.25,
        sigma=0.5,
    ),
    case(
        "pda, target from the currents",
        methods='[potential_distribution]\nlambda = 0.5\nobjective = "currents"',
        objective="currents",
    ),
    case(
        "pda, quantization error",
        methods='[potential_distribution]\nlambda = 0.5\nobjective = "spikes"',
        objective="spikes",
    ),
    case("shortcut", methods="[shortcut]\nlambda = 0.25", side=0.25),
    case(
        "firing-rate target",
        methods="[firing_rate_target]\nlambda = 2.0\ntarget = 0.125",
        penalty=lambda rate: 2.0 * (rate - 0.125) ** 2,
    ),
    case(
        "spike penalty",
        methods="[spike_penalty]\nl1 = 0.5\nl2 = 1.5",
        penalty=lambda rate: 0.5 * rate + 1.5 * rate**2,
    ),
]

GOLDEN = {
    "seed": SEED,
    "time_steps": T,
    "batch": B,
    "size": SIZE,
    "input": INPUT.permute(0, 2, 3, 1).reshape(-1).tolist(),
    "labels": LABELS.tolist(),
    "parameters": {name: layout(value) for name, value in PARAMETERS.items()},
    "cases": CASES,
}
path = pathlib.Path(__file__).with_suffix(".json")
path.write_text(json.dumps(GOLDEN, indent=1) + "\n")
