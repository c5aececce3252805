#!/usr/bin/env bash
# kernels.c → kernels.wasm, both in src/sloy/exchange/source/wasm. Debian's packages clang and lld; nothing else is needed.
set -euo pipefail
cd "$(dirname "$0")/../src/sloy/exchange/source/wasm"

clang="${CLANG:-clang-14}"
"$clang" --target=wasm32 -msimd128 -O3 -ffreestanding -nostdlib -Wall -Wextra -Werror \
  -Wl,--no-entry,--import-memory,--strip-all,-z,stack-size=4096 -o "${1:-kernels.wasm}" kernels.c
ls -l "${1:-kernels.wasm}"
