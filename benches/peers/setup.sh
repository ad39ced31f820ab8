#!/usr/bin/env bash
# Installs the peers into a virtual environment: benches/peers/setup.sh VENV   (Python 3.11; about 3 GB of wheels, 5.5 GB on disk)
set -euo pipefail
venv=${1:?usage: setup.sh VENV}
python3 -m venv "$venv"
"$venv/bin/pip" install -q torch==2.15.0 torchvision
"$venv/bin/pip" install -q spikingjelly==2.0.0 snntorch==1.0.0 norse==1.1.0 tonic==1.7.0 nir==1.0.8 nirtorch safetensors
"$venv/bin/python" -c "import torch, spikingjelly, snntorch, norse; print('peers ready, torch', torch.__version__)"
