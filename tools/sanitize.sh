#!/usr/bin/env bash
# Runs the native engine's tests under AddressSanitizer and UndefinedBehaviorSanitizer, or for races under
# ThreadSanitizer; the first finding ends the run with its file and line.
#
#     tools/sanitize.sh [pytest arguments]           # default: tests/engines
#     tools/sanitize.sh thread [pytest arguments]    # Debian: apt-get install clang-14 libomp-14-dev
#
# ThreadSanitizer understands clang's OpenMP, with its tool archer, and no other: sloy's kernels are compiled
# with it, while oneDNN's library runs as it is, unseen, on its own threads. Without `setarch -R` addresses
# would lie where the sanitizer keeps its own. The run time is GCC's, whose interface is the same: clang 14's
# own, preloaded, crashes in the start of libstdc++. First a race that is planted must be found, and nothing
# without it. Tests that fork are left out: archer has no threads in a forked child, and crashes there.
#
# PYTHON names the interpreter (default: python3 on PATH), as in tools/build_native.sh. Leaks are not
# looked for (the interpreter's own are too many), nor reads of uninitialised memory (that takes valgrind).
set -euo pipefail
cd "$(dirname "$0")/.."

python="$(command -v "${PYTHON:-python3}")"
if [ "${1:-}" = thread ]; then
  shift
  PYTHON="$python" tools/build_native.sh thread
  tsan="$(g++ -print-file-name=libtsan.so)"
  export PYTHONPATH="$PWD/build/thread/package" OMP_NUM_THREADS="${OMP_NUM_THREADS:-2}"
  export OMP_TOOL_LIBRARIES=/usr/lib/llvm-14/lib/libarcher.so
  export TSAN_OPTIONS="ignore_noninstrumented_modules=1:halt_on_error=1:exitcode=66"
  planted="$PWD/build/thread/planted_race"
  clang++-14 -O1 -fsanitize=thread -fopenmp=libomp -c tools/planted_race.cpp -o "$planted.o"
  clang++-14 -fopenmp=libomp "$planted.o" "$tsan" -o "$planted"
  watched=(setarch -R env LD_PRELOAD="$tsan")
  "${watched[@]}" "$planted" >/dev/null || { echo "a race is found where none is" >&2; exit 1; }
  ! "${watched[@]}" "$planted" race &>/dev/null || { echo "a planted race is not found" >&2; exit 1; }
  [ $# -gt 0 ] || set -- tests/engines
  exec "${watched[@]}" "$python" -m pytest -p no:cacheprovider --capture=sys -n0 -k "not fork" "$@"
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
