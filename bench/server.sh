#!/usr/bin/env bash
# Submits over the API against an echo of the same http/, in turn in one run, by wrk on loopback.
#   bench/server.sh [BUILD [SECONDS [ROUNDS]]]      BUILD: build/release, with tenax and tests/echo_main
set -euo pipefail
build=${1:-build/release} seconds=${2:-5} rounds=${3:-3}
command -v wrk >/dev/null || { echo "wrk is not here (package wrk)" >&2; exit 1; }
dir=$(mktemp -d "${TENAX_BENCH_DIR:-.}/server-bench-XXXXXX")
trap 'kill $(jobs -p) 2>/dev/null || true; wait 2>/dev/null || true; rm -rf "$dir"' EXIT

post() {  # NAME BODY
  printf 'wrk.method = "POST"\nwrk.headers["Content-Type"] = "application/json"\nwrk.body = [[%s]]\n' "$2" >"$dir/$1.lua"
}
post noop '{"name":"bench","actions":[{"key":"a","type":"noop"}]}'
post sleep '{"name":"bench","actions":[{"key":"a","type":"wait","input":{"seconds":86400}}]}'

"$build/tests/echo_main" 127.0.0.1:18361 &
"$build/tenax" serve --data-dir "$dir/data" --listen 127.0.0.1:18362 >/dev/null &
for port in 18361 18362; do
  for _ in $(seq 100); do (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null && break; sleep 0.05; done
done

rate() {  # PORT BODY CONNECTIONS
  wrk -t1 -c"$3" -d"${seconds}s" --latency -s "$dir/$2.lua" "http://127.0.0.1:$1/v1/workflows" >"$dir/out"
  if grep -q 'Non-2xx' "$dir/out"; then cat "$dir/out" >&2; fi
  awk '/Requests\/sec/ {r = $2} /99%/ {p = $2} END {printf "%s %s\n", r, p}' "$dir/out"
}
echo "connections  body   echo/s  p99      submits/s  p99      ratio"
for connections in 1 64; do
  for body in noop sleep; do
    for _ in $(seq "$rounds"); do
      read -r echo_rate echo_p99 <<<"$(rate 18361 "$body" "$connections")"
      read -r own_rate own_p99 <<<"$(rate 18362 "$body" "$connections")"
      awk -v c="$connections" -v b="$body" -v e="$echo_rate" -v ep="$echo_p99" -v o="$own_rate" -v op="$own_p99" \
        'BEGIN {printf "%11d  %-5s %8.0f  %-8s %9.0f  %-8s %5.2f\n", c, b, e, ep, o, op, o / e}'
    done
  done
done
