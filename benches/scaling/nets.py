"""The three nets of `candlewick bench step` as the model sees them: parameters, work, and what travels together."""

def convolution(inputs, outputs, size, kernel=3, extra=2):
    """Parameters, each by its elements, and multiplications: weights, and `extra` vectors of normalization and bias."""
    weights = kernel * kernel * inputs * outputs
    return [weights] + [outputs] * extra, weights * size * size


def residual():
    layers = [convolution(3, 64, 32)]
    for inputs, outputs, size, blocks in [(64, 128, 32, 3), (128, 256, 16, 3), (256, 512, 8, 2)]:
        layers += [convolution(inputs, outputs, size), convolution(outputs, outputs, size)]
        layers += [convolution(inputs, outputs, size, kernel=1)]
        layers += [convolution(outputs, outputs, size)] * (2 * blocks - 2)
    return layers + [convolution(512, 256, 1, 1, extra=1), convolution(256, 10, 1, 1, extra=1)]


LAYERS = {  # of each net, from input to output
    "convnet": [convolution(*of) for of in [(3, 64, 32), (64, 128, 32), (128, 256, 16), (256, 256, 8)]]
    + [convolution(256, 10, 1, 1, extra=1)],
    "ResNet-19": residual(),
    "VGGSNN": [convolution(*of, extra=3) for of in [(2, 64, 48), (64, 128, 48), (128, 256, 24), (256, 256, 24)]]
    + [convolution(*of, extra=3) for of in [(256, 512, 12), (512, 512, 12), (512, 512, 6), (512, 512, 6)]]
    + [convolution(512 * 9, 10, 1, 1, extra=1)],
}
PARAMETERS = {"convnet": 964_170, "ResNet-19": 12_630_858, "VGGSNN": 9_271_498}
for net, layers in LAYERS.items():
    assert sum(sum(parameters) for parameters, _ in layers) == PARAMETERS[net], net


def buckets(net):
    """What travels together, from the last to the first: bytes, and the share of the backward pass after which it is complete."""
    found, room, total, before = [], 0, sum(work for _, work in LAYERS[net]), 0
    for parameters, work in LAYERS[net]:
        for elements in parameters:
            if elements >= room:
                found.append([0, 1 - before / total])
                room = 1 << 18
            found[-1][0] += 4 * elements
            room = max(0, room - elements)
        before += work
    return found[::-1]
