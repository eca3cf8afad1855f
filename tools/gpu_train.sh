#!/bin/bash
# Train and score one configuration on one GPU of a machine without a network, in a given time.
#
#     tools/gpu_train.sh TASK CONFIG MINUTES DATA OUT [KEY=VALUE]...
#
# DATA is the folder of the training data, as packed by tools/pack_training.py; OUT gets what gpu_train.py writes, and
# its output as log.txt. Python packages that the machine lacks are taken from DATA/site.tar.xz.
set -euo pipefail
task=$1 config=$2 minutes=$3 data=$4 out=$5
shift 5
mkdir -p "$out"
root=$(cd "$(dirname "$0")/.." && pwd)
export PYTHONPATH="$root${PYTHONPATH:+:$PYTHONPATH}"
if [ -f "$data/site.tar.xz" ]; then
    scratch=$(mktemp -d)
    tar -xJf "$data/site.tar.xz" -C "$scratch"
    export PYTHONPATH="$PYTHONPATH:$scratch/site"
fi
export OMP_NUM_THREADS=1
changes=()
for change in "$@"; do changes+=(--set "$change"); done
# Whatever happens, the log is there to read
python3 -u "$root/tools/gpu_train.py" "$task:$config" "$data" "$out" --minutes "$minutes" --score "${changes[@]}" 2>&1 |
    tee "$out/log.txt"
