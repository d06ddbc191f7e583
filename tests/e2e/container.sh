#!/bin/sh
# container.sh CHECKOUT PREFIX COMMAND…: what a container is for a command, in a mount namespace of its own.
# 64 MB of shared memory, a read-only checkout, and a user id that nobody knows. PREFIX is where Python is
# installed, which other users may else not be allowed to look into.
set -e
checkout=$1 prefix=$2
shift 2
mount -t tmpfs -o size=64m,mode=1777 tmpfs /dev/shm
mount --bind "$checkout" "$checkout"
mount -o remount,ro,bind "$checkout"
if [ "${prefix#/root/}" != "$prefix" ]; then
    mount --bind "$prefix" /mnt
    mount -t tmpfs -o mode=755 tmpfs /root
    mkdir -p "$prefix"
    mount --bind /mnt "$prefix"
fi
exec setpriv --reuid 12345 --regid 12345 --clear-groups "$@"
