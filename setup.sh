#!/bin/sh
# Make or refresh the virtual environment: setup.sh PYTHON VENV
# torch goes first and alone, so that pip takes the build this machine is configured for (CPU wheel, CUDA, Mac);
# a torch that is already in the environment is left as it is.
set -eu
python=$1 venv=$2
unset PYTHONDONTWRITEBYTECODE  # without bytecode every process would parse every module again

"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || {
    echo "setup: unsinter needs Python 3.11 or newer, $python is $("$python" -V 2>&1); name another with: make PYTHON=python3.12" >&2
    exit 2
}
if [ ! -x "$venv/bin/python" ]; then
    "$python" -m venv "$venv" || {
        echo "setup: $python cannot make a virtual environment; on Debian: apt-get install python3-venv" >&2
        exit 2
    }
fi
pip() { "$venv/bin/python" -m pip --disable-pip-version-check "$@"; }

# Bytecode is written by the first process that imports a module: to compile all of torch and what stands beside it
# takes longer than the rest.
pip install -q --no-compile --upgrade "setuptools>=77" wheel
"$venv/bin/python" -c 'import torch' 2>/dev/null || pip install -q --no-compile -c constraints.txt torch
torch_version=$("$venv/bin/python" -c 'import importlib.metadata as m; print(m.version("torch").split("+")[0])')
sed "s/^torch==.*/torch==$torch_version/" constraints.txt > "$venv/constraints.txt"
pip install -q --no-compile --no-build-isolation -c "$venv/constraints.txt" -e .
"$venv/bin/python" - <<'PY'
from importlib.metadata import distributions

if any(d.name.startswith("nvidia-cuda-runtime") for d in distributions()):
    import torch

    if torch.version.cuda and not torch.cuda.is_available():
        print("setup: a CUDA build of torch is installed but no GPU is visible; a CPU build is smaller: see README, 'Install'.")
PY
