# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
#
# Debian's kernel package, unpacked and kept, and an initramfs for it with just
# the modules that mount the root. Sourced by lab.
#
# A folder of the cache: unpacked/ is the package; vmlinux and initramfs are made
# from it.

PATH=$PATH:/usr/sbin:/sbin

# The newest package of a series that apt knows; apt_options may narrow it.
newest_package() { # SERIES
	apt-cache "${apt_options[@]}" search --names-only "^linux-image-$1\.[-+.0-9a-z]*-amd64\$" 2>/dev/null |
		sed -n 's/^\(linux-image-[^ ]*\) - .*/\1/p' | grep -Ev -- '-(cloud|rt)-' |
		sort -V | tail -n 1
}

# Lists of bookworm-backports in a folder of our own: the machine's sources are
# left alone, and it needs no root.
use_backports() { # FOLDER
	local mirror
	mirror=$(apt-get indextargets --format '$(SITE)' 'Created-By: Packages' 'Origin: Debian' 2>/dev/null |
		head -n 1)
	mkdir -p "$1/lists/partial" "$1/cache/archives/partial" || return 1
	echo "deb ${mirror:-http://deb.debian.org/debian} bookworm-backports main" >"$1/sources.list"
	apt_options=(-o "Dir::State::Lists=$1/lists" -o "Dir::Cache=$1/cache"
		-o "Dir::Etc::SourceList=$1/sources.list" -o "Dir::Etc::SourceParts=/dev/null"
		-o "APT::Default-Release=" -o "Acquire::Retries=1" -o "Acquire::http::Timeout=20")
	timeout 120 apt-get -q "${apt_options[@]}" update >"$1/log" 2>&1
}

# Downloads the package of a series and unpacks it into a folder.
get_package() { # SERIES FOLDER
	local package apt_options=() temporary=$2.new

	command -v apt-get >/dev/null || die "kernel $1 is not in the cache, and this is no Debian to get it from"
	rm -rf "$temporary"
	mkdir -p "$temporary/download" || die "cannot write in $cache"
	package=$(newest_package "$1")
	if [ -z "$package" ] && [ "$1" = 6.1 ] && [ "$(id -u)" -eq 0 ]; then
		timeout 120 apt-get -q -o DPkg::Lock::Timeout=60 update >"$temporary/log" 2>&1
		package=$(newest_package "$1")
	elif [ -z "$package" ] && [ "$1" != 6.1 ]; then
		use_backports "$temporary/apt" || die "kernel $1: bookworm-backports cannot be reached"
		package=$(newest_package "$1")
	fi
	[ -n "$package" ] || die "apt knows no linux-image-$1.*-amd64 (apt-get update, as root, may help)"
	echo "lab: getting $package" >&2
	(cd "$temporary/download" &&
		timeout 300 apt-get -q "${apt_options[@]}" download "$package" >"$temporary/log" 2>&1) ||
		die "cannot download $package: $(grep '^E:' "$temporary/log" | head -n 1)"
	dpkg -x "$temporary"/download/*.deb "$temporary/unpacked" || die "cannot unpack $package"
	rm -rf "$2"
	mkdir -p "$2" && mv "$temporary/unpacked" "$2/unpacked" && rm -rf "$temporary"
}

# Sets modules to the folder above kernel/, release and image (the bzImage).
find_package() { # UNPACKED-PACKAGE
	local folder
	for folder in "$1"/lib/modules/* "$1"/usr/lib/modules/*; do
		[ -d "$folder/kernel" ] && modules=$folder && break
	done
	[ -n "${modules:-}" ] || die "$1: no unpacked linux-image package"
	release=${modules##*/}
	for image in "$1/boot/vmlinuz-$release" "$modules/vmlinuz" ""; do
		[ -f "$image" ] && break
	done
	[ -n "$image" ] || die "$1: no boot/vmlinuz-$release"
}

# A module's text, whatever it is compressed with.
module_text() { # FILE
	case $1 in
	*.xz) busybox unxz -c "$1" ;;
	*.zst) zstd -dcq "$1" ;;
	*) cat "$1" ;;
	esac
}

# The kernel itself, out of the bzImage that wraps it: QEMU starts it at its PVH
# entry, which spares the guest seconds of unpacking. Offsets: the x86 boot
# protocol's setup_sects, payload_offset and payload_length; after the payload
# come 4 bytes that are the kernel's own.
unwrap_kernel() { # BZIMAGE FILE
	local sectors offset length tool
	sectors=$(od -An -tu1 -j $((0x1f1)) -N1 "$1")
	offset=$(od -An -tu4 -j $((0x248)) -N4 "$1")
	length=$(od -An -tu4 -j $((0x24c)) -N4 "$1")
	for tool in xz zstd gzip lz4; do
		tail -c +$(((sectors + 1) * 512 + offset + 1)) "$1" | head -c $((length - 4)) |
			"$tool" -dc >"$2.new" 2>/dev/null
		if [ "$(head -c 4 "$2.new" | tail -c 3)" = ELF ]; then
			mv "$2.new" "$2"
			return
		fi
	done
	# What we cannot unpack, the guest can.
	rm -f "$2.new"
	cp "$1" "$2"
}

# busybox, init and the modules in the order in which they are to be loaded.
make_initramfs() { # FILE
	local tree module file number=10 base=${modules%/lib/modules/*}

	depmod -b "$base" "$release" || die "depmod fails on $modules"
	tree=$(mktemp -d "${TMPDIR:-/var/tmp}/pinion-lab.XXXXXX") || die "cannot make a folder"
	mkdir -p "$tree"/{bin,proc,sys,dev,modules,host,upper,newroot}
	cp "$(command -v busybox)" "$tree/bin/busybox"
	cp "$lab_dir/init" "$tree/init" && chmod 755 "$tree/init"
	while read -r file; do
		number=$((number + 1))
		module=${file##*/}
		module_text "$file" >"$tree/modules/$number-${module%.ko*}.ko" || die "cannot read $file"
	done < <(for module in virtio_pci virtio_console 9pnet_virtio 9p overlay; do
		modprobe -d "$base" -S "$release" --show-depends "$module"
	done | awk '$1 == "insmod" && !seen[$2]++ { print $2 }')
	[ "$number" -ge 15 ] || die "$modules lacks the modules that mount the root"
	(cd "$tree" && find . | cpio --quiet -o -H newc) | gzip -1 >"$1.new" && mv "$1.new" "$1" ||
		die "cannot write $1"
	rm -rf "$tree"
}

# Gets ready all that QEMU is started with; the second time it is there already.
prepare_kernel() {
	local folder package

	mkdir -p "$cache" 2>/dev/null && cache=$(cd "$cache" && pwd) && [ -w "$cache" ] ||
		die "$cache: cannot write there (--cache names another folder)"
	exec 5>"$cache/lock"
	flock -w 600 5 || die "$cache is in use by another lab for too long"
	case $kernel in
	*/*)
		package=$(readlink -f "$kernel")
		folder=$cache/$(echo "$package" | tr -c 'a-zA-Z0-9.\n' _)
		mkdir -p "$folder"
		;;
	*)
		[[ $kernel =~ ^[0-9]+\.[0-9]+$ ]] || die "--kernel wants a version like 6.1 or a folder"
		folder=$cache/$kernel
		package=$folder/unpacked
		[ -d "$package" ] || get_package "$kernel" "$folder"
		;;
	esac
	find_package "$package"
	vmlinux=$folder/vmlinux
	initramfs=$folder/initramfs
	[ "$vmlinux" -nt "$image" ] || unwrap_kernel "$image" "$vmlinux"
	if [ ! "$initramfs" -nt "$lab_dir/init" ] || [ ! "$initramfs" -nt "$lab_dir/kernel.sh" ]; then
		make_initramfs "$initramfs"
	fi
	exec 5>&-
}
