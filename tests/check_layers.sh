#!/usr/bin/env bash
# Fails when a dependency points up or sideways (ARCHITECTURE.md, "Layers"), or when the service or the
# client can reach LibTorch or OpenCV.
set -uo pipefail
cd "$(dirname "$0")/.."
bad=0

# must_not_reach FROM TO...: no target of FROM depends on any of TO, however far down.
must_not_reach() {
  local from="$1" path
  shift
  for to in "$@"; do
    if ! path="$(bazel query --noshow_progress "somepath($from, $to)" 2> /tmp/check_layers.$$)"; then
      cat /tmp/check_layers.$$
      bad=1
    elif [ -n "$path" ]; then
      echo "$from must not reach $to, but:"
      sed 's/^/  /' <<< "$path"
      bad=1
    fi
  done
  rm -f /tmp/check_layers.$$
}

for part in //server/... //client/... //proto/...; do
  must_not_reach "$part" @libtorch//... @opencv//...
done
must_not_reach //worker/... //server/... //client/...
must_not_reach //server/... //worker/... //client/...
must_not_reach //client/... //worker/... //server/...
must_not_reach //proto/... //server/... //worker/... //client/...

# Within a part: "folder: what it may use". A folder that is not listed is an error, so that new ones get a place.
allowed() {
  case "$1" in
    server/state) ;;
    server/scheduler | server/store | server/launchers) echo server/state ;;
    server/coordinator) echo server/state server/scheduler server/store server/launchers ;;
    server/rpc) echo server/state server/scheduler server/store server/launchers server/coordinator ;;
    worker/data | worker/report) ;;
    worker/sheets) echo worker/data ;;
    worker/augment | worker/models | worker/losses | worker/dist) echo worker/data ;;
    worker/optim) echo worker/data worker/models worker/dist ;;
    worker/checkpoint) echo worker/data worker/report worker/models worker/dist ;;
    worker/tasks) echo worker/data worker/sheets worker/augment worker/models worker/losses worker/dist ;;
    worker/eval) echo worker/data worker/report worker/augment worker/models worker/losses worker/dist worker/tasks ;;
    worker/train) echo worker/data worker/report worker/augment worker/models worker/losses worker/dist worker/tasks worker/optim worker/checkpoint ;;
    worker/stages) echo worker/data worker/sheets worker/report worker/augment worker/models worker/losses worker/dist worker/tasks worker/train worker/eval worker/optim worker/checkpoint ;;
    worker/session | worker/agent) echo worker/data worker/report worker/augment worker/models worker/losses worker/dist worker/tasks worker/train worker/stages worker/eval worker/optim worker/checkpoint ;;
    client/render) ;;
    client/coordinator_client) echo client/render ;;
    client/session) echo client/render client/coordinator_client ;;
    client/following) echo client/render client/coordinator_client client/session ;;
    client/submission) echo client/render client/coordinator_client client/session client/following ;;
    client/commands/*) echo client/render client/coordinator_client client/session client/following client/submission ;;
    client/commands)
      echo client/render client/coordinator_client client/session client/following client/submission
      echo client/commands/training client/commands/jobs client/commands/results client/commands/service
      ;;
    *) echo unknown ;;
  esac
}
for folder in server/*/ worker/*/ client/*/ client/commands/*/; do
  folder="${folder%/}"
  uses="$(allowed "$folder")"
  if [ "$uses" = unknown ]; then
    echo "$folder has no place in the layers; give it one in ARCHITECTURE.md and tests/check_layers.sh"
    bad=1
    continue
  fi
  top="${folder%%/*}"
  # Tests may bring in anything below the top folder's edges; libraries and binaries may not.
  used_packages="$(bazel query --noshow_progress --ui_event_filters=-info --output package \
    "labels(deps, kind('cc_(library|binary)', //$folder:*)) intersect //$top/...")" || bad=1
  for used in $(sort -u <<< "$used_packages"); do
    [ "$used" = "$folder" ] && continue
    grep -qxF -- "$used" <<< "${uses// /$'\n'}" || {
      echo "$folder uses $used, which is not below it"
      bad=1
    }
  done
done

# only_in WHAT PATTERN WHERE...: no source but those of WHERE, and tests, matches PATTERN.
only_in() {
  local what="$1" pattern="$2" place found
  local -a outside=()
  shift 2
  for place in "$@"; do outside+=(":!$place"); done
  found="$(git grep -nE -- "$pattern" -- '*.h' '*.cc' ':!*_test.cc' ':!tests/*' ':!third_party/*' "${outside[@]}")" || return 0
  echo "$what stands outside its place:"
  sed 's/^/  /' <<< "$found"
  bad=1
}
only_in "gRPC" '(#include <grpc|grpc::)' 'server/rpc/*' 'worker/session/*' 'worker/agent/*' \
  'worker/report/coordinator_reporter.*' 'worker/report/fake_coordinator.h' 'client/coordinator_client/*' \
  'proto/cpp/grpc_*'
only_in "SQLite" 'sqlite3' 'server/store/sqlite_*'
only_in "CUDA or NCCL" '#include .*(cuda|nccl|NCCL)' 'worker/dist/c10d_*'
only_in "the time" '(absl::(Now|SleepFor)\(|(system|steady|high_resolution)_clock::now|sleep_for|clock_gettime|gettimeofday|\busleep\()' \
  'proto/cpp/clock.*'
# The agent of tests is a program of its own; NCCL takes its settings from nowhere else.
only_in "the environment" '\b(getenv|setenv)\b' '*/main.cc' 'server/launchers/fake_agent.cc' \
  'worker/dist/c10d_nccl_backend.cc'
exit $bad
