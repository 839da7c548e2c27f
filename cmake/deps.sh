#!/usr/bin/env bash
# Installs what tenax is built with on Debian 12. More packages may be named: deps.sh clang-format
set -euo pipefail
packages=(
  g++ cmake ninja-build pkg-config ca-certificates python3
  libcaf-dev librocksdb-dev libspdlog-dev libprotobuf-dev protobuf-compiler libxxhash-dev
  libjemalloc-dev nlohmann-json3-dev libcli11-dev libboost-test-dev
  libboost-dev libssl-dev libtomlplusplus-dev libcurl4-openssl-dev esbuild "$@"
)

if ! command -v apt-get >/dev/null; then
  echo "deps: not Debian; tenax needs the equivalents of: ${packages[*]}" >&2
  exit 0
fi

missing=()
for package in "${packages[@]}"; do
  [[ $(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null) == installed ]] || missing+=("$package")
done
((${#missing[@]})) || exit 0

echo "deps: installing ${missing[*]}"
sudo=()
((EUID == 0)) || sudo=(sudo)
apt() { "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -qq -o Dpkg::Use-Pty=0 "$@" </dev/null; }
log=$(mktemp)
trap 'rm -f "$log"' EXIT
if ! { apt update && apt install --no-install-recommends "${missing[@]}"; } >"$log" 2>&1; then
  cat "$log" >&2
  exit 1
fi
