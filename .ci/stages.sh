# stages.sh - the parts that .ci/run and .ci/soak are made of. Sourced, from the project's root.
# How much a part does is in TENAX_WORLDS, TENAX_KILLS, TENAX_CUTS, TENAX_FUZZ_SECONDS; where it
# begins in TENAX_SEED.

log_dir=build/ci
mkdir -p "$log_dir"
stage_times=()
current=''
trap 'code=$?; ((code == 0)) || echo "=== $current: FAILED" >&2' EXIT

# stage NAME COMMAND...: runs it, prints its time, keeps what it prints in build/ci/NAME.log; a
# failure ends the run (functions included: no condition around them, which would switch set -e
# off).
stage() {
  local start=$SECONDS
  current=$1
  shift
  echo "=== $current"
  # A pipeline: set -e stays on in it, pipefail passes the code on, and the shell waits for tee.
  "$@" 2>&1 | tee "$log_dir/$current.log"
  stage_times+=("$current $((SECONDS - start)) s")
  echo "=== $current: ok, $((SECONDS - start)) s"
}

format() {
  find . -path ./build -prune -o \( -name '*.cpp' -o -name '*.hpp' \) -print0 |
    xargs -0 clang-format --dry-run -Werror
}

build() {
  cmake --preset "$1"
  cmake --build --preset "$1" "${@:2}"
}

# What a suite prints is the evidence, so all of it is shown.
suite() {
  ctest --preset "$1" --verbose "${@:2}" | grep --line-buffered -vE '^(UpdateCTest|Test command|Working|Test timeout|$)'
}

fuzz() { tests/fuzz/run.sh "${TENAX_FUZZ_SECONDS:-15}"; }

# The lines that say how much was done.
results() {
  grep -hoE '[0-9]+ worlds from seed .*|kill -9: seed .*|order service: seed .*|fail points .*|power loss: .*|disk faults: .*|planted bug .*|self-test, .*|[a-z_]+_fuzz: .*' \
    "$log_dir"/*.log || true
}
