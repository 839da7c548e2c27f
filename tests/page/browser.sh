#!/usr/bin/env bash
# The page in a browser. browser.sh TENAX BUILD_FOLDER; its pictures are in BUILD_FOLDER/page. 77:
# what it needs is not here (chromium-headless-shell, node, npm and what npm fetches).
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
skip() { echo "SKIPPED: $1"; exit 77; }
browser=$(command -v chromium-headless-shell || command -v chromium || true)
[[ -n $browser ]] || skip "no chromium (package chromium-headless-shell)"
command -v node >/dev/null || skip "no node (package nodejs)"
out=$2/page
mkdir -p "$out"
driver=$out/node_modules/playwright-core
if [[ ! -d $driver ]]; then
  command -v npm >/dev/null || skip "no npm to fetch playwright-core with"
  PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD=1 npm install --silent --no-audit --no-fund --no-save --prefix "$out" playwright-core@1.60 ||
    skip "npm cannot fetch playwright-core"
fi
TENAX_PROGRAM=$1 TENAX_PAGE_OUT=$out TENAX_BROWSER=$browser TENAX_TRACES=$here/../../../shared/wfinstances \
  node --test "$here/page_test.mjs"
