#!/usr/bin/env bash
# The page's parts without a browser. units.sh ESBUILD BUILD_FOLDER; 77: node or esbuild is not here.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
for need in node "$1"; do
  command -v "$need" >/dev/null || { echo "SKIPPED: $need is not here"; exit 77; }
done
out=$2/page-units
mkdir -p "$out"
"$1" "$here"/../../web/src/*.ts --bundle --splitting --format=esm --target=es2021 --log-level=warning "--outdir=$out" --out-extension:.js=.mjs
TENAX_PAGE_UNITS=$out node --test "$here/units_test.mjs"
