#!/usr/bin/env bash
# Installs everything that building and running Pretext needs on Debian 12, and says what it does.
# May be run again at any time: what is already there is left alone.
#
#   deploy/install_dependencies.sh
#
# PRETEXT_CACHE  where LibTorch and Bazel's cache are kept (default ~/.cache/pretext).
# Exits 0 when all is there, 1 with the name of the missing piece otherwise.
set -euo pipefail
cd "$(dirname "$0")/.."

cache="${PRETEXT_CACHE:-$HOME/.cache/pretext}"
site="$cache/libtorch"

say() { printf 'install: %s\n' "$*"; }
die() {
  printf 'install: error: %s\n' "$*" >&2
  exit 1
}

# --- Debian packages -------------------------------------------------------------------------
packages=()
while read -r name _; do
  case "$name" in '' | '#'*) continue ;; esac
  packages+=("$name")
done < deploy/debian_packages.txt

command -v dpkg-query > /dev/null || die "this is not Debian (no dpkg-query); see deploy/debian_packages.txt for what to install by hand"
installed="$(dpkg-query -W -f='${db:Status-Abbrev} ${Package}\n' | awk '$1 == "ii" { print $2 }')"
missing=()
for name in "${packages[@]}"; do
  grep -qxF "$name" <<< "$installed" || missing+=("$name")
done
if ((${#missing[@]})); then
  say "installing ${#missing[@]} Debian packages: ${missing[*]}"
  as_root=()
  if [ "$(id -u)" -ne 0 ]; then
    command -v sudo > /dev/null || die "not root and no sudo; ask an administrator for: apt-get install ${missing[*]}"
    as_root=(sudo)
  fi
  "${as_root[@]}" apt-get update -qq || die "apt-get update failed; is the network there?"
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
    apt-get install -y -qq --no-install-recommends "${missing[@]}" > /dev/null \
    || die "apt-get could not install: ${missing[*]}"
else
  say "Debian packages: all ${#packages[@]} are there"
fi

# --- LibTorch: PyTorch's wheel and the two CUDA wheels its CPU library links to -----------------
stamp="$(sha256sum deploy/libtorch_wheels.txt | cut -d' ' -f1)"
if [ "$(cat "$site/.stamp" 2> /dev/null || true)" = "$stamp" ] && [ -e "$site/torch/lib/libtorch_cpu.so" ]; then
  say "LibTorch: is in $site"
else
  say "fetching LibTorch 2.11.0 into $site (540 MB)"
  mkdir -p "$cache"
  wheels="$(mktemp -d "$cache/wheels.XXXXXX")"
  trap 'rm -rf "$wheels"' EXIT
  command -v python3 > /dev/null || die "python3 is missing"
  python3 -m pip --version > /dev/null 2>&1 || die "pip is missing; install python3-pip"
  # The wheel is unpacked, not installed: only its C++ part is used, so its Python version is of no matter.
  python3 -m pip download --quiet --no-deps --only-binary=:all: --require-hashes \
    --python-version 3.11 --implementation cp --abi cp311 \
    --platform manylinux_2_28_x86_64 --platform manylinux_2_25_x86_64 \
    --platform manylinux_2_17_x86_64 --platform manylinux2014_x86_64 \
    --dest "$wheels" --requirement deploy/libtorch_wheels.txt \
    || die "LibTorch's wheels could not be fetched or have the wrong digest (deploy/libtorch_wheels.txt)"
  rm -rf "$site"
  mkdir -p "$site"
  for wheel in "$wheels"/*.whl; do
    say "unpacking $(basename "$wheel")"
    unzip -q -o "$wheel" -d "$site" || die "cannot unpack $(basename "$wheel"); is the disk full?"
  done
  [ -e "$site/torch/lib/libtorch_cpu.so" ] || die "the torch wheel holds no torch/lib/libtorch_cpu.so"
  printf '%s\n' "$stamp" > "$site/.stamp"
fi

# --- Bazel: where its cache and LibTorch are ------------------------------------------------------
cat > .bazelrc.local << RC
# Written by deploy/install_dependencies.sh.
build --disk_cache=$cache/bazel
build --repo_env=LIBTORCH_SITE=$site
RC
command -v bazel > /dev/null || die "bazel is missing although bazel-bootstrap is installed"
say "done"
