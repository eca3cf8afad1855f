#!/bin/bash
# Measure all functions on a GPU in five minutes; from the root of the repository, without an installation.
#
#     benchmarks/gpu.sh [OUT] [OPTION]...
#
# OUT (default: the current folder) gets gpu.txt and gpu.json. Options are those of gpu.py, such as --device cpu --small.
set -euo pipefail
out=${1:-.}
shift || true
mkdir -p "$out"
root=$(cd "$(dirname "$0")/.." && pwd)
export PYTHONPATH="$root${PYTHONPATH:+:$PYTHONPATH}"
python3 -u "$root/benchmarks/gpu.py" --json "$out/gpu.json" "$@" 2>&1 | tee "$out/gpu.txt"
