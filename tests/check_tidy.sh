#!/usr/bin/env bash
# Runs clang-tidy over the sources that do not include LibTorch (which takes it minutes a file).
set -uo pipefail
cd "$(dirname "$0")/.."
genfiles="$(bazel info bazel-genfiles 2> /dev/null)"
bazel build //proto:pretext_cc_grpc || exit 1
includes=(-I. "-I$genfiles" "-isystem$genfiles/proto" -isystem/usr/include/opencv4)
mapfile -t sources < <(git grep -LE '(torch|ATen|c10)/' -- 'proto/cpp/*.cc' 'server/*.cc' 'client/*.cc' 'worker/data/*.cc' 'worker/augment/*.cc' | grep -v _test.cc)
printf '%s\0' "${sources[@]}" | xargs -0 -P 2 -n 1 -I{} clang-tidy-14 --quiet {} -- -std=c++17 "${includes[@]}" 2> /dev/null
