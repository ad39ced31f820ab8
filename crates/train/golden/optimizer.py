"""Golden values of the optimizers, from PyTorch.

Five parameters take four steps under each setting; the gradient of step i (from 1) is
`g_j = sin(i + 2 j)` for parameter j, and parameters start at `p_j = 0.5 j - 1`.
Run `python optimizer.py` and paste the table into `src/optimizer/tests.rs`.
"""

import torch

SETTINGS = [
    ("sgd", torch.optim.SGD, dict(lr=0.1)),
    ("sgd, decay", torch.optim.SGD, dict(lr=0.1, weight_decay=0.05)),
    ("momentum", torch.optim.SGD, dict(lr=0.1, momentum=0.9, weight_decay=0.05)),
    ("nesterov", torch.optim.SGD, dict(lr=0.1, momentum=0.9, nesterov=True, weight_decay=0.05)),
    ("adam", torch.optim.Adam, dict(lr=0.01)),
    ("adamw", torch.optim.AdamW, dict(lr=0.01, betas=(0.8, 0.95), eps=1e-6, weight_decay=0.1)),
]

print(f"// PyTorch {torch.__version__}")
for name, kind, settings in SETTINGS:
    j = torch.arange(5, dtype=torch.float32)
    p = torch.nn.Parameter(0.5 * j - 1)
    optimizer = kind([p], **settings)
    for i in range(1, 5):
        p.grad = torch.sin(i + 2 * j)
        optimizer.step()
    values = ", ".join(f"{x:.8f}" for x in p.tolist())
    print(f'("{name}", [{values}]),')

p = torch.nn.Parameter(torch.zeros(3))
p.grad = torch.tensor([3.0, -4.0, 12.0])
norm = torch.nn.utils.clip_grad_norm_([p], 2.0)
print("clip to 2:", norm.item(), [f"{x:.8f}" for x in p.grad.tolist()])
