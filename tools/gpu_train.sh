#!/bin/bash
# Train and score one configuration on one GPU of a machine without a network.
#
#     tools/gpu_train.sh TASK CONFIG MINUTES DATA OUT [KEY=VALUE]...
#
# DATA is the folder of the training data, as packed by tools/pack_training.py; OUT gets the weights file, the log and
# the scores. Python packages that the machine lacks are taken from DATA/site.tar.xz.
set -euo pipefail
task=$1 config=$2 minutes=$3 data=$4 out=$5
shift 5
mkdir -p "$out"
scratch=$(mktemp -d)
if [ -f "$data/site.tar.xz" ]; then
    tar -xJf "$data/site.tar.xz" -C "$scratch"
    export PYTHONPATH="$PWD:$scratch/site${PYTHONPATH:+:$PYTHONPATH}"
fi
export OMP_NUM_THREADS=1
changes=()
for change in "$@"; do changes+=(--set "$change"); done
workers=$(($(nproc) > 2 ? $(nproc) - 2 : 0))
# Whatever happens, the log is there to read
python3 -u -m sunpy_restore train "$task" --data "$data" --out "$scratch/run" --config "$config" --workers "$workers" \
    --minutes "$minutes" "${changes[@]}" 2>&1 | tee "$out/log.txt"
cp "$scratch/run/$task-$config.safetensors" "$out/"
python3 -u -m sunpy_restore evaluate "$task" --data "$data" --weights "$out/$task-$config.safetensors" 2>&1 |
    tee "$out/scores.txt"
