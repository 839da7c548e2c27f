#!/usr/bin/env bash
# Builds tenax (preset dev) and runs its tests. Arguments go to ctest: tests/run.sh -L unit
# Without arguments all but the long crash and disk fault runs: tests/run.sh -L 'crash|fault'
# and the page in a browser, for which npm brings a driver: tests/run.sh -L page
set -euo pipefail
cd "$(dirname "$0")/.."
cmake/deps.sh
cmake --preset dev
cmake --build --preset dev
if [[ ! -d ../shared/wfinstances ]]; then
  echo "tests: SKIPPED: the WfInstances trace tests (their traces, ../shared/wfinstances, are not here)"
fi
if (($# == 0)); then
  echo "tests: SKIPPED: the long crash and disk fault runs (tests/run.sh -L 'crash|fault')"
  echo "tests: SKIPPED: the page in a browser (tests/run.sh -L page)"
  set -- -LE 'crash|fault|^page$'
fi
# One more than cores: some tests wait for other processes most of the time.
ctest --preset dev --parallel "$(($(nproc) + 1))" "$@"
