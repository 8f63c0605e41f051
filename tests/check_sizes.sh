#!/usr/bin/env bash
# Fails when a file has outgrown what one can read at a sitting, or includes LibTorch's umbrella header.
set -euo pipefail
cd "$(dirname "$0")/.."
bad=0
complain() {
  echo "$*"
  bad=1
}
while read -r file; do
  lines=$(wc -l < "$file")
  case "$file" in
    *.h) limit=250 ;;
    *) limit=600 ;;
  esac
  ((lines <= limit)) || complain "$file has $lines lines; a file of its kind has at most $limit: split it"
done < <(git ls-files '*.h' '*.cc')
while read -r hit; do
  complain "$hit: costs 12 to 21 s a file; include torch/nn/module.h or ATen/ops/*.h"
done < <(git grep -nE '#include [<"](torch/(torch|all|types)\.h|ATen/ATen\.h)' -- '*.h' '*.cc')
exit $bad
