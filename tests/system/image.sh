# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
#
# A real disk image for the tests: a Debian root file system in ext4, made once
# and kept in the build folder. Sourced after lib.sh.

# The mirror that this machine's own packages come from.
debian_mirror() {
	apt-get indextargets --format '$(SITE)' 'Created-By: Packages' 'Origin: Debian' 2>/dev/null |
		head -n 1
}

# A tree to fill the image with: debootstrap's, or, where no mirror answers, the
# programs and libraries of this machine.
stage_root() { # DIRECTORY
	local mirror
	mirror=$(debian_mirror)
	if bounded 400 debootstrap --variant=minbase bookworm "$1" \
		"${mirror:-http://deb.debian.org/debian}" >"$work/debootstrap.log" 2>&1; then
		return 0
	fi
	echo "debootstrap failed ($(tail -n 1 "$work/debootstrap.log")): using this machine's files"
	rm -rf "$1" && mkdir -p "$1"
	cp -a --parents /usr/bin /usr/sbin /usr/lib/x86_64-linux-gnu /etc "$1" 2>/dev/null
	[ -d "$1/usr/bin" ]
}

# Sets image to the path of the image.
make_image() {
	local cache=$build/test-cache stage=$work/root
	image=$cache/debian.img
	[ -s "$image" ] && return 0
	[ "$(id -u)" -eq 0 ] || skip "a Debian root file system is made by root only"
	need debootstrap mke2fs e2fsck
	mkdir -p "$cache" || return 1
	stage_root "$stage" || fail "no tree for the image"
	mke2fs -q -F -t ext4 -L pinion -d "$stage" "$image.new" 640M || fail "mke2fs"
	e2fsck -fn "$image.new" >/dev/null 2>&1 || fail "the image is not clean to begin with"
	rm -rf "$stage"
	mv "$image.new" "$image"
}
