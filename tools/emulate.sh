#!/usr/bin/env bash
# Runs a command on an emulated CPU, so that code for AVX-512, AVX512-BF16 and AMX can be tested on a machine
# that has none of them. For correctness only: everything takes some fifty times longer.
#
#     tools/emulate.sh [--cpu MODEL] 'pytest -q -n0 -p no:cacheprovider tests/engines -k conv'
#
# MODEL is a CPU of Bochs (`bochs --help cpu`); those that matter here, with oneDNN's name for what they have:
#     corei7_skylake_x   avx512_core
#     sapphire_rapids    avx512_core_amx (default); with ONEDNN_MAX_CPU_ISA=avx512_core_bf16 in the command,
#                        AVX512-BF16 alone
#
# It boots Linux in Bochs from an image made of this working tree as it is (with the native build in
# src/sloy), PYTHON (default: python3 on PATH) and its numpy, pytest with xdist, and hypothesis. The command runs in
# the repository's root with PYTHONPATH=src and one thread; its output comes here and its status is ours.
# Times measured inside are the emulated machine's, and mean nothing.
#
# Needed: Debian's isolinux, syslinux-common, xorriso, busybox-static, bochsbios, vgabios; and
#     BOCHS    the emulator (default: bochs on PATH), version 3.0 with tools/emulate_bochs.patch for AMX,
#              configured with --with-nogui --enable-cpu-level=6 --enable-x86-64 --enable-avx --enable-evex
#              --enable-amx --enable-pci --enable-all-optimizations --disable-debugger
#     KERNEL   where boot/vmlinuz-* and lib/modules are (default: /), for example Debian's
#              linux-image-*-cloud-amd64 (5.16 or later for AMX) unpacked with `dpkg-deb -x`
set -euo pipefail
cd "$(dirname "$0")/.."

fail() { echo "tools/emulate.sh: $1" >&2; exit 2; }
cpu=sapphire_rapids
if [ "${1:-}" = --cpu ]; then cpu="${2:?}"; shift 2; fi
[ $# -eq 1 ] || fail "usage: tools/emulate.sh [--cpu MODEL] 'COMMAND'"
need() { command -v "$1" >/dev/null || fail "no $1 on PATH: install $2"; }
need xorriso xorriso
need busybox busybox-static
bochs="$(command -v "${BOCHS:-bochs}")" || fail "no Bochs (BOCHS=${BOCHS:-bochs}); the head of this script says which"
grep -q "^$cpu$" <<<"$("$bochs" --help cpu 2>&1)" || fail "$bochs knows no CPU model $cpu"
kernel="${KERNEL:-/}"
vmlinuz="$(ls -v "$kernel"/boot/vmlinuz-* 2>/dev/null | tail -1 || true)"
[ -n "$vmlinuz" ] || fail "no boot/vmlinuz-* in $kernel (KERNEL)"
first_of() { for file; do [ -e "$file" ] && echo "$file" && return; done; fail "none of $* is there"; }
boot="$(first_of /usr/lib/ISOLINUX/isolinux.bin)"
loader="$(first_of /usr/lib/syslinux/modules/bios/ldlinux.c32)"
bios="$(first_of /usr/share/bochs/BIOS-bochs-latest)"
vga="$(first_of /usr/share/vgabios/vgabios.bin /usr/share/vgabios/vgabios-stdvga.bin)"
ls src/sloy/_native*.so >/dev/null 2>&1 || fail "no native build in src/sloy: run tools/build_native.sh"

python="$(command -v "${PYTHON:-python3}")" || fail "no ${PYTHON:-python3}"
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
mkdir "$work/initrd" "$work/emulate"
"$python" tools/emulate_image.py "$kernel" "$work/initrd" >"$work/list"
(cd "$work/initrd" && find . | busybox cpio -o -H newc >"$work/initrd.cpio" 2>/dev/null)
cp tools/emulate_init.sh "$work/emulate/init"
echo "$1" >"$work/emulate/command"
cat >"$work/emulate/environment" <<EOF
cd "$PWD"
export PYTHONPATH="$PWD/src" PATH="$(dirname "$python"):\$PATH" OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 OMP_WAIT_POLICY=passive NO_COLOR=1
EOF
# Left out are the features of the kernel's own that Bochs has not right (control-flow enforcement ends in a
# loop of faults) and those that only cost time.
cat >"$work/isolinux.cfg" <<EOF
default linux
prompt 0
timeout 0
label linux
  kernel /vmlinuz
  append initrd=/initrd console=ttyS0 quiet panic=1 reboot=t mitigations=off tsc=reliable no5lvl lapic=notscdeadline ibt=off clearcpuid=ibt,shstk,user_shstk,waitpkg,pku,ospke,fsrm
EOF
cat >>"$work/list" <<EOF
/vmlinuz=$vmlinuz
/initrd=$work/initrd.cpio
/emulate=$work/emulate
/isolinux/isolinux.bin=$boot
/isolinux/ldlinux.c32=$loader
/isolinux/isolinux.cfg=$work/isolinux.cfg
EOF
xorriso -as mkisofs -quiet -R -iso-level 3 -graft-points -path-list "$work/list" -o "$work/image.iso" \
  -b isolinux/isolinux.bin -c isolinux/boot.cat -no-emul-boot -boot-load-size 4 -boot-info-table \
  >"$work/xorriso.log" 2>&1 || { tail "$work/xorriso.log" >&2; fail "xorriso made no image"; }

cat >"$work/bochsrc" <<EOF
display_library: nogui
cpu: model=$cpu, count=1, ips=200000000, reset_on_triple_fault=0, ignore_bad_msrs=1
memory: guest=2048, host=2048
romimage: file=$bios, options=fastboot
vgaromimage: file=$vga
ata0-master: type=cdrom, path=$work/image.iso, status=inserted
boot: cdrom
clock: sync=none
com1: enabled=1, mode=file, dev=$work/console
com2: enabled=1, mode=file, dev=/dev/fd/3
panic: action=fatal
error: action=ignore
info: action=ignore
log: $work/bochs.log
EOF
"$bochs" -q -f "$work/bochsrc" 3>&1 >"$work/bochs.out" 2>&1 </dev/null | cat || true
status="$(sed -n 's/.*emulate: exit status \([0-9]*\).*/\1/p' "$work/console" 2>/dev/null | tail -1 || true)"
[ -n "$status" ] || { tail -n 20 "$work/bochs.log" "$work/console" >&2; fail "the emulated machine ended before the command did"; }
exit "$status"
