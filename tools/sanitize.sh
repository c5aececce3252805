#!/usr/bin/env bash
# Runs the native engine's tests under AddressSanitizer and UndefinedBehaviorSanitizer, or for races under
# ThreadSanitizer; the first finding ends the run with its file and line.
#
#     tools/sanitize.sh [pytest arguments]           # default: tests/engines
#     tools/sanitize.sh thread [pytest arguments]    # Debian: apt-get install clang-14 libomp-14-dev
#
# ThreadSanitizer understands clang's OpenMP, with its tool archer, and no other: sloy's kernels are compiled
# with it, while oneDNN's library runs as it is, unseen, on its own threads. Without `setarch -R` addresses
# would lie where the sanitizer keeps its own.
#
# PYTHON names the interpreter (default: python3 on PATH), as in tools/build_native.sh. Leaks are not
# looked for (the interpreter's own are too many), nor reads of uninitialised memory (that takes valgrind).
set -euo pipefail
cd "$(dirname "$0")/.."

python="$(command -v "${PYTHON:-python3}")"
if [ "${1:-}" = thread ]; then
  shift
  PYTHON="$python" tools/build_native.sh thread
  clang="$(clang++-14 -print-resource-dir)"
  export PYTHONPATH="$PWD/build/thread/package" OMP_NUM_THREADS="${OMP_NUM_THREADS:-2}"
  export OMP_TOOL_LIBRARIES=/usr/lib/llvm-14/lib/libarcher.so
  export TSAN_OPTIONS="ignore_noninstrumented_modules=1:halt_on_error=1:exitcode=66"
  [ $# -gt 0 ] || set -- tests/engines
  LD_PRELOAD="$clang/lib/linux/libclang_rt.tsan-x86_64.so" exec setarch -R "$python" -m pytest \
    -p no:cacheprovider --capture=sys -n0 "$@"
fi
PYTHON="$python" tools/build_native.sh sanitize

export PYTHONPATH="$PWD/build/sanitize/package"
export ASAN_OPTIONS="detect_leaks=0:strict_init_order=1"
export UBSAN_OPTIONS="print_stacktrace=1:halt_on_error=1"
export OMP_NUM_THREADS="${OMP_NUM_THREADS:-2}"
preload="$(g++ -print-file-name=libasan.so) $(g++ -print-file-name=libubsan.so)"
LD_PRELOAD="$preload" "$python" -c \
  'import sloy._native as n; assert "sanitize" in n.__file__, n.__file__; print("under test:", n.__file__)'
[ $# -gt 0 ] || set -- tests/engines
LD_PRELOAD="$preload" "$python" -m pytest -p no:cacheprovider --capture=sys "$@"
