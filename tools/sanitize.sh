#!/usr/bin/env bash
# Runs the native engine's tests under AddressSanitizer and UndefinedBehaviorSanitizer; the first finding
# ends the run with its file and line.
#
#     tools/sanitize.sh [pytest arguments]        # default: tests/engines
#
# PYTHON names the interpreter (default: python3 on PATH), as in tools/build_native.sh. Leaks are not
# looked for (the interpreter's own are too many), nor reads of uninitialised memory (that takes valgrind).
set -euo pipefail
cd "$(dirname "$0")/.."

python="$(command -v "${PYTHON:-python3}")"
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
