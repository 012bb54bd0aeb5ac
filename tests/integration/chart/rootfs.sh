#!/bin/sh
# What a container runtime does, in a mount namespace of its own (unshare --mount): a root of the folders an image has, read-only,
# the volumes in it, and a program in there as a user without any capability.
#   rootfs.sh ROOT UID MOUNTS KEPT... -- PROGRAM...
# MOUNTS is a file of lines "source<TAB>target<TAB>ro|rw"; KEPT are folders of this machine that are there too (Python, this code).
set -eu
root=$1 uid=$2 mounts=$3
shift 3

bind() { # source, target, mode
  if [ -d "$1" ]; then mkdir -p "$root$2"; else mkdir -p "$root$(dirname "$2")" && [ -e "$root$2" ] || : > "$root$2"; fi
  mount --bind "$1" "$root$2"
  if [ "$3" = ro ]; then mount -o remount,bind,ro "$root$2"; fi
}

mount -t tmpfs -o mode=755 rootfs "$root"
for link in bin sbin lib lib64; do cp -a "/$link" "$root/"; done
bind /usr /usr ro
mkdir "$root/etc"
for file in passwd group hosts nsswitch.conf ld.so.cache ssl; do cp -a "/etc/$file" "$root/etc/"; done
while [ "$1" != -- ]; do bind "$1" "$1" ro; shift; done
shift
mkdir "$root/proc" "$root/dev"
mount --rbind /proc "$root/proc"
mount --rbind /dev "$root/dev"
while IFS='	' read -r source target mode; do bind "$source" "$target" "$mode"; done < "$mounts"
mount -o remount,ro "$root"
exec /usr/sbin/chroot "$root" /usr/bin/setpriv --reuid "$uid" --regid "$uid" --clear-groups --no-new-privs --bounding-set=-all --inh-caps=-all "$@"
