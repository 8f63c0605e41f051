#!/usr/bin/env bash
# On a fresh machine: installs what is needed, builds, and runs the main job with an embedded coordinator:
# Fashion-MNIST without labels, then with ten labels a class, against the same network from scratch.
#
#   deploy/quickstart.sh [OUT]     OUT: where results go (default ./quickstart-out, or the next number that is free)
set -euo pipefail
root="$(cd "$(dirname "$0")/.." && pwd)"
free_folder() {
  local folder="$1" number=2
  while [ -e "$folder" ]; do
    folder="$1-$((number++))"
  done
  echo "$folder"
}
out="$(realpath -m "${1:-$(free_folder quickstart-out)}")"
cd "$root"

deploy/install_dependencies.sh
echo "build: the three programs (the first time takes several minutes)"
bazel build //server:pretext-server //worker:pretext-worker //client:pretext
export PATH="$root/bazel-bin/client:$root/bazel-bin/server:$root/bazel-bin/worker:$PATH"

job="$(pretext submit deploy/quickstart/fashion_mnist.yaml --out "$out" --quiet)"
echo "submitted $job; results go to $out"
pretext watch "$job"
pretext metrics "$job" -o json | python3 deploy/quickstart/summary.py
cat << NEXT

Your own   export PATH="$root/bazel-bin/client:$root/bazel-bin/server:$root/bazel-bin/worker:\$PATH"
           pretext pretrain --data FOLDER_OF_YOUR_PICTURES --task moco --out my-first-run
           pretext status $job      pretext metrics $job      pretext --help
NEXT
