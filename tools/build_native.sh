#!/usr/bin/env bash
# The developer's build of the native engine: `_native*.so` and `libdnnl.so.3` into src/sloy/, so that
# PYTHONPATH=src works.
#
#     tools/build_native.sh             # Release, build/dev
#     tools/build_native.sh sanitize    # ASan + UBSan, build/sanitize, with a copy of the package in
#                                       build/sanitize/package
#     tools/build_native.sh thread      # ThreadSanitizer, by clang, likewise in build/thread
#
# PYTHON names the interpreter that has nanobind and the oneDNN wheels (default: python3 on PATH); its
# cmake and ninja are taken where it has them.
set -euo pipefail
cd "$(dirname "$0")/.."

variant="${1:-dev}"
case "$variant" in
  dev) options=(-DCMAKE_BUILD_TYPE=Release -DSLOY_SANITIZE=OFF) ;;
  sanitize) options=(-DCMAKE_BUILD_TYPE=RelWithDebInfo -DSLOY_SANITIZE=ON) ;;
  thread)
    options=(-DCMAKE_BUILD_TYPE=RelWithDebInfo -DSLOY_SANITIZE=thread -DSLOY_WERROR=OFF
             -DCMAKE_CXX_FLAGS_RELWITHDEBINFO="-O1 -gline-tables-only")
    export CXX="${CXX:-clang++-14}" ;;
  *) echo "usage: tools/build_native.sh [sanitize|thread]" >&2; exit 2 ;;
esac

python="$(command -v "${PYTHON:-python3}")"
PATH="$("$python" -c 'import sys, pathlib; print(pathlib.Path(sys.prefix) / "bin")'):$PATH"
version="$("$python" -c 'import tomllib; print(tomllib.load(open("pyproject.toml", "rb"))["project"]["version"])')"
build="build/$variant"
mkdir -p "$build"
exec 9>"$build/.lock" && flock 9 # two builds of one folder at a time would spoil each other

cmake -S . -B "$build" -G Ninja --log-level=WARNING \
  -DPython_EXECUTABLE="$python" -Dnanobind_DIR="$("$python" -m nanobind --cmake_dir)" \
  -DSKBUILD_PROJECT_VERSION="$version" -DSLOY_WERROR="${WERROR:-ON}" -DSLOY_UNITY=OFF "${options[@]}"
cmake --build "$build" -j "${JOBS:-2}"
rm -rf "$build/install"
cmake --install "$build" --prefix "$build/install" --component sloy >/dev/null

target=src/sloy
if [ "$variant" != dev ]; then
  target="$build/package/sloy"
  rm -rf "$build/package" && mkdir "$build/package"
  cp -r src/sloy "$target" && rm -f "$target"/*.so*
fi
for file in "$build"/install/sloy/*; do
  name="$(basename "$file")"
  cp "$file" "$target/.$name.new" # renamed into place: a running Python keeps the old file
  mv -f "$target/.$name.new" "$target/$name"
done
echo "built: $(ls "$target"/_native*.so)"
