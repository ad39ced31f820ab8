"""Networks of PyTorch and SpikingJelly with their logits, to be imported: writes `exchange/` beside it.

ResNet-19 and VGGSNN of TET at a sixteenth of their width, with names that others give to their layers:

* `resnet-19.pth`: layers and neurons of SpikingJelly in their multi-step mode, the state dict below the
  key `state_dict`, and every convolution a second time under the name of a wrapper, as in the code of TET;
* `vggsnn.pth`: a plain PyTorch module with the names of the code of TET, behind `nn.DataParallel`;
* `vggsnn.safetensors`: the same, where the file does not tell the order of the layers.

Running statistics are those of twenty random batches, so that nothing is a default.
`exchange.json` has inputs [T, B, H, W, C] and logits [T, B, K]. A seed is taken only if no potential is
so near to the threshold that rounding could lift it over; the smallest distance is printed.

Needs torch, safetensors and spikingjelly.
"""

import json
import pathlib
from importlib import metadata

import torch
from safetensors.torch import save_file
from spikingjelly.activation_based import functional, layer, neuron, surrogate
from torch import nn

CLASSES = 10
LEAST = 2e-5  # smallest distance of a potential to the threshold
FOLDER = pathlib.Path(__file__).with_name("exchange")


def fires():
    """v = 0.5 v + x; a spike from 1 on; a hard reset."""
    return neuron.LIFNode(2.0, False, 1.0, 0.0, surrogate.ATan(), step_mode="m")


# ------------------------------------------------------------------ ResNet-19 in SpikingJelly
def convolution(inputs, outputs, kernel, stride):
    return layer.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False, step_mode="m")


def normalization(channels):
    return layer.BatchNorm2d(channels, step_mode="m")


class BasicBlock(nn.Module):
    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.conv1, self.bn1 = convolution(inputs, outputs, 3, stride), normalization(outputs)
        self.sn1 = fires()
        self.conv2, self.bn2 = convolution(outputs, outputs, 3, 1), normalization(outputs)
        self.downsample = None
        if stride != 1 or inputs != outputs:
            self.downsample = nn.Sequential(convolution(inputs, outputs, 1, stride), normalization(outputs))
        self.sn2 = fires()
        self.conv1_s = nn.Sequential(self.conv1, self.bn1)

    def forward(self, x):
        y = self.bn2(self.conv2(self.sn1(self.conv1_s(x))))
        return self.sn2(y + (x if self.downsample is None else self.downsample(x)))


class ResNet19(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1, self.bn1, self.sn1 = convolution(3, 4, 3, 1), normalization(4), fires()
        inputs = 4
        for stage, (blocks, outputs) in enumerate([(3, 8), (3, 16), (2, 32)]):
            layers = []
            for block in range(blocks):
                layers.append(BasicBlock(inputs, outputs, 2 if stage > 0 and block == 0 else 1))
                inputs = outputs
            setattr(self, f"layer{stage + 1}", nn.Sequential(*layers))
        self.avgpool = layer.AdaptiveAvgPool2d(1, step_mode="m")
        self.fc1, self.sn2 = layer.Linear(32, 16, step_mode="m"), fires()
        self.fc2 = layer.Linear(16, CLASSES, step_mode="m")

    def forward(self, x):
        x = self.layer3(self.layer2(self.layer1(self.sn1(self.bn1(self.conv1(x))))))
        return self.fc2(self.sn2(self.fc1(self.avgpool(x).flatten(2))))


# ------------------------------------------------------------------ VGGSNN with the names of TET
class EachStep(nn.Module):
    def __init__(self, *modules):
        super().__init__()
        self.module = nn.Sequential(*modules)

    def forward(self, x):
        y = self.module(x.flatten(0, 1))
        return y.view(*x.shape[:2], *y.shape[1:])


class Layer(nn.Module):
    def __init__(self, inputs, outputs):
        super().__init__()
        self.fwd = EachStep(nn.Conv2d(inputs, outputs, 3, 1, 1), nn.BatchNorm2d(outputs))
        self.act = fires()

    def forward(self, x):
        return self.act(self.fwd(x))


class VggSnn(nn.Module):
    def __init__(self, side):
        super().__init__()
        layers, inputs = [], 2
        for outputs in [4, 8, "AP", 16, 16, "AP", 32, 32, "AP", 32, 32, "AP"]:
            if outputs == "AP":
                layers.append(EachStep(nn.AvgPool2d(2)))
            else:
                layers.append(Layer(inputs, outputs))
                inputs = outputs
        self.features = nn.Sequential(*layers)
        self.classifier = EachStep(nn.Linear(inputs * (side // 16) ** 2, CLASSES))

    def forward(self, x):
        return self.classifier(self.features(x).flatten(2))


# ------------------------------------------------------------------ weights, inputs, logits
def batch(events, steps, samples, side):
    if events:
        values = torch.rand(steps, samples, 2, side, side)
        return (values >= 0.75).float() + (values >= 0.95).float()
    return torch.randn(1, samples, 3, side, side).repeat(steps, 1, 1, 1, 1)


def settled(net, events, steps, side):
    """The network with numbers of its own everywhere."""
    for module in net.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.weight, 0.75, 1.25)
            nn.init.uniform_(module.bias, 0.0, 0.5)
        if isinstance(module, nn.Linear):
            nn.init.uniform_(module.weight, -1.0, 1.0)
    net.train()
    with torch.no_grad():
        for _ in range(20):
            net(batch(events, steps, 8, side))
            functional.reset_net(net)
    return net.eval()


def case(name, make, events, steps, samples, side):
    for seed in range(1000):
        torch.manual_seed(seed)
        net = settled(make(), events, steps, side)
        x = batch(events, steps, samples, side)
        with torch.no_grad():
            logits = net(x)
            functional.reset_net(net)
            least, rates = potentials(net, x)
            functional.reset_net(net)
        if least >= LEAST:
            break
    else:
        raise SystemExit(f"{name}: no seed")
    print(f"{name}: seed {seed}, smallest distance {least:.1e}, firing rates {min(rates):.3f} to {max(rates):.3f}")
    inputs = x if events else x[:1]
    inputs = inputs.permute(0, 1, 3, 4, 2)
    return net, dict(
        name=name,
        time_steps=steps,
        input_dims=list(inputs.shape),
        input=[float(f"{value:.9g}") for value in inputs.flatten().tolist()],
        logits_dims=list(logits.shape),
        logits=[float(f"{value:.9g}") for value in logits.flatten().tolist()],
    )


def potentials(net, x):
    """The smallest distance of all potentials to the threshold, by a plain loop, and the firing rates."""
    least, rates = [torch.inf], []

    def look(module, inputs, spikes):
        rates.append(spikes.mean().item())
        v = torch.zeros_like(inputs[0][0])
        for current in inputs[0]:
            v = 0.5 * v + current
            least[0] = min(least[0], (v - 1).abs().min().item())
            v = torch.where(v >= 1, torch.zeros_like(v), v)

    hooks = [module.register_forward_hook(look) for module in net.modules() if isinstance(module, neuron.LIFNode)]
    net(x)
    for hook in hooks:
        hook.remove()
    return least[0], rates


if __name__ == "__main__":
    torch.set_num_threads(1)
    FOLDER.mkdir(exist_ok=True)
    resnet, first = case("resnet-19", ResNet19, False, 3, 2, 8)
    torch.save({"epoch": 7, "state_dict": resnet.state_dict()}, FOLDER / "resnet-19.pth")
    vgg, second = case("vggsnn", lambda: VggSnn(16), True, 3, 2, 16)
    torch.save(nn.DataParallel(vgg).state_dict(), FOLDER / "vggsnn.pth")
    save_file({name: value.contiguous() for name, value in vgg.state_dict().items()}, FOLDER / "vggsnn.safetensors")
    versions = {name: metadata.version(name) for name in ["torch", "spikingjelly"]}
    cases = ",\n".join(json.dumps(one) for one in [first, second])
    text = '{"versions": ' + json.dumps(versions) + ', "cases": [\n' + cases + "\n]}\n"
    (FOLDER / "exchange.json").write_text(text)
