#!/busybox sh
# The first program inside the emulator: mounts the image that tools/emulate.sh made, with a writable layer
# in memory over it, runs /emulate/command with its output on the second serial line, and powers off. The
# status goes to the console, the first serial line.
if [ ! -e /emulate ]; then # still in the initrd
  /busybox mkdir -p /proc /dev /image /layer /root
  /busybox mount -t proc none /proc
  /busybox mount -t devtmpfs none /dev
  for module in /*.ko; do /busybox insmod "$module"; done
  while ! /busybox mount -t iso9660 -o ro /dev/sr0 /image 2>/dev/null; do /busybox sleep 0.1; done
  /busybox mount -t tmpfs none /layer
  /busybox mkdir /layer/upper /layer/work
  /busybox mount -t overlay -o lowerdir=/image,upperdir=/layer/upper,workdir=/layer/work none /root
  /busybox mkdir -p /root/proc /root/dev /root/sys /root/tmp
  /busybox mount --move /proc /root/proc
  /busybox mount --move /dev /root/dev
  exec /busybox switch_root /root /bin/busybox sh /emulate/init
fi
/bin/busybox --install -s /bin
export PATH=/bin HOME=/tmp
mount -t sysfs none /sys
ip link set lo up
stty -F /dev/ttyS1 115200 -opost
. /emulate/environment
sh /emulate/command </dev/null >/dev/ttyS1 2>&1
echo "emulate: exit status $?" >/dev/console
sleep 2 # the serial lines are slow
poweroff -f
