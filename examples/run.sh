#!/usr/bin/env bash
# Builds tenax (preset release) and runs the workflows in examples/specs on a new data directory,
# which is removed afterwards. Arguments go to `tenax run`.
set -euo pipefail
cd "$(dirname "$0")/.."
cmake/deps.sh
cmake --preset release
cmake --build --preset release --target tenax_installed

data=$(mktemp -d)
trap 'rm -rf "$data"' EXIT
command=(build/release/tenax run --data-dir "$data" "$@" examples/specs/*.json)
echo "+ ${command[*]}"
"${command[@]}"
