#!/usr/bin/env bash
# Sets up and runs every test. The last line counts them: "N passed, N failed".
#
#   tests/run.sh          what every change must pass
#   tests/run.sh --all    also sanitizers, clang's thread checks, clang-tidy, the CUDA build and benchmarks
#
# Exits 0 only when nothing failed.
set -uo pipefail
cd "$(dirname "$0")/.."

all=false
case "${1:-}" in
  '') ;;
  --all) all=true ;;
  *)
    echo "tests/run.sh: unknown option '$1'; there is only --all" >&2
    exit 2
    ;;
esac

results="$(mktemp -d)"
trap 'rm -rf "$results"' EXIT

# step NAME COMMAND...: one check that counts as one test.
step() {
  local name="$1"
  shift
  printf '\n--- %s\n' "$name"
  if "$@"; then echo "passed $name" >> "$results/steps"; else
    echo "failed $name" >> "$results/steps"
    echo "FAILED: $name"
  fi
}

# bazel_tests NAME FLAGS... -- TARGETS...: every case of the targets counts; a target that does not build
# counts as one failure.
bazel_tests() {
  local name="$1"
  shift
  printf '\n--- %s\n' "$name"
  bazel test --keep_going --build_event_json_file="$results/$name.events" "$@"
  local code=$?
  # 3: a test failed, 4: no tests. Anything else is told by the events, and must be told.
  echo "$code" > "$results/$name.exit"
}

if ! deploy/install_dependencies.sh; then
  echo "0 passed, 1 failed"
  exit 1
fi

step "layers" tests/check_layers.sh
step "format" tests/check_format.sh
step "sizes" tests/check_sizes.sh
bazel_tests unit -- //... -//tests/benchmarks/...
# The three programs, and what the parity tests name.
mapfile -t compared < <(grep -hoE '//[a-z0-9_/]+:[a-z0-9_]+' tests/parity/test_*.py | sort -u)
step "binaries" bazel build //server:pretext-server //worker:pretext-worker //client:pretext "${compared[@]}"

printf '\n--- python\n'
if python="$(tests/install_python.sh)"; then
  "$python" -m pytest -q --junit-xml="$results/python.xml" tests/parity tests/end_to_end
  echo $? > "$results/python.exit"
else
  echo "failed python-environment" >> "$results/steps"
fi

if $all; then
  # LibTorch is not built for sanitizers.
  without_libtorch=(//proto/... //server/... //client/... //worker/data/... //worker/augment/... //worker/report/...)
  bazel_tests clang --config=clang -- "${without_libtorch[@]}"
  bazel_tests tsan --config=tsan -- "${without_libtorch[@]}"
  bazel_tests asan --config=asan -- "${without_libtorch[@]}"
  bazel_tests ubsan --config=ubsan -- "${without_libtorch[@]}"
  step "cuda" bazel build --config=cuda //...
  step "tidy" tests/check_tidy.sh
  if [ -n "${python:-}" ]; then
    step "views per second" "$python" tests/benchmarks/views_per_second.py --at-least 4
  fi
fi

printf '\n'
python3 tests/count_results.py "$results"
