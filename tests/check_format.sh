#!/usr/bin/env bash
# Fails when a C++ source is not formatted as .clang-format says, and names it.
set -euo pipefail
cd "$(dirname "$0")/.."
mapfile -t sources < <(git ls-files '*.h' '*.cc' '*.cu')
((${#sources[@]})) || exit 0
clang-format-14 --dry-run --Werror "${sources[@]}" 2>&1 | grep -E 'error:' | cut -d: -f1 | sort | uniq -c || true
exec clang-format-14 --dry-run --Werror "${sources[@]}" 2> /dev/null
