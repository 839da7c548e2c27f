#!/usr/bin/env bash
# Builds the fuzz targets with clang and runs each for some seconds over its kept corpus:
#   tests/fuzz/run.sh SECONDS [TARGET...]
# What a run finds new stays in build/fuzz/found/TARGET, a crash in build/fuzz/crashes; a crash file
# is repeated by build/fuzz/TARGET FILE. `--merge` instead of SECONDS puts what was found into the
# kept corpus, as few files as give the same coverage.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
build=${TENAX_FUZZ_BUILD:-$here/../../build/fuzz}
seconds=${1:?usage: tests/fuzz/run.sh SECONDS|--merge [TARGET...]}
shift

generator=()
command -v ninja >/dev/null && generator=(-G Ninja)
cmake -S "$here" -B "$build" "${generator[@]}" -DCMAKE_CXX_COMPILER="${FUZZ_CXX:-clang++}" \
  ${CMAKE_CXX_COMPILER_LAUNCHER:+-DCMAKE_CXX_COMPILER_LAUNCHER="$CMAKE_CXX_COMPILER_LAUNCHER"} >/dev/null
cmake --build "$build" --parallel "$(nproc)"

targets=("$@")
if ((${#targets[@]} == 0)); then
  for source in "$here"/*_fuzz.cpp; do targets+=("$(basename "$source" .cpp)"); done
fi
mkdir -p "$build/crashes"
export UBSAN_OPTIONS=print_stacktrace=1

run_one() {
  local target=$1 kept=$here/corpus/$1 found=$build/found/$1 log=$build/$1.log
  mkdir -p "$kept" "$found"
  local options=(-max_len=4096 -timeout=10 -rss_limit_mb=1024 -artifact_prefix="$build/crashes/$target-")
  [[ $target == cli_args_fuzz ]] && options+=(-close_fd_mask=1)  # usage texts
  [[ -f $here/$target.dict ]] && options+=(-dict="$here/$target.dict")
  if [[ $seconds == --merge ]]; then
    "$build/$target" -merge=1 "${options[@]}" "$kept" "$found" >"$log" 2>&1
    echo "$target: $(find "$kept" -type f | wc -l) files kept"
    return
  fi
  if "$build/$target" -max_total_time="$seconds" -print_final_stats=1 "${options[@]}" \
    "$found" "$kept" >"$log" 2>&1; then
    echo "$target: ok, $(sed -n 's/^stat::number_of_executed_units: *//p' "$log") runs," \
      "coverage $(grep -o 'cov: [0-9]*' "$log" | tail -1 | cut -d' ' -f2)"
  else
    echo "$target: FAILED"
    tail -40 "$log"
    return 1
  fi
}

failed=0
running=0
for target in "${targets[@]}"; do
  run_one "$target" &
  if ((++running >= $(nproc))); then
    wait -n || failed=1
    running=$((running - 1))
  fi
done
while ((running-- > 0)); do wait -n || failed=1; done
exit "$failed"
