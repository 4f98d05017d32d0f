# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
#
# For scripts that run in the lab: the target, the kernel's initiator, other
# targets to compare with, devices to serve, and faults. Sourced by them:
#   . "$LAB_DIR/guest-lib.sh"
# Everything waits for a bounded time. The lab ends all that was started here,
# so there is nothing to clean up but what a script wants gone on its way.

set -u

target_address=10.9.0.1
target_address6=fd09::1
target=iqn.2026-11.io.pinion:lab
initiator=iqn.2026-11.io.pinion:lab-initiator

# The reason comes last: of a failed test quickstart shows the end.
fail() {
	show_log "the daemon" /run/piniond.log
	show_log "iscsid" /run/iscsid.log
	echo "the kernel's log:" >&2
	dmesg | tail -n 15 >&2
	printf 'FAIL: %s\n' "$*" >&2
	exit 1
}

show_log() { # WHOSE FILE
	[ -s "$2" ] && {
		echo "the log of $1:"
		tail -n 30 "$2"
	} >&2
}

need() { # COMMAND...: skip without them
	local command
	for command in "$@"; do
		command -v "$command" >/dev/null || {
			echo "no $command here"
			exit 77
		}
	done
}

wait_for() { # SECONDS COMMAND...
	local end=$((SECONDS + $1 + 1))
	shift
	until "$@" >/dev/null 2>&1; do
		[ "$SECONDS" -lt "$end" ] || return 1
		sleep 0.1
	done
}

has_ended() { # PID
	! kill -0 "$1" 2>/dev/null
}

is_listening() { # ADDRESS
	(exec 3<>"/dev/tcp/$1/3260") 2>/dev/null
}

# Some modules are set up by making folders there.
configfs_mount() {
	modprobe configfs
	mountpoint -q /sys/kernel/config || mount -t configfs configfs /sys/kernel/config || fail "no configfs"
}

# ---- Pinion --------------------------------------------------------------------

pinionctl() {
	"$PINION_BUILD/pinionctl" -s /run/pinion/control.sock "$@"
}

pinion_under=()

# Starts the daemon of the build folder with these LUNs, as libconfig groups, on
# both addresses. Extra settings come from $settings, $performance and $portal,
# further portals from $more_portals (", { ... }"), more of the target from $of_target.
# The command $pinion_under, an array, runs it.
pinion_start() { # LUN-GROUP...
	local luns='' lun
	for lun in "$@"; do
		luns+="${luns:+, }{ $lun }"
	done
	mkdir -p /run/pinion
	cat >/run/pinion/pinion.conf <<END
performance: { ${performance:-} };
control: { socket = "/run/pinion/control.sock"; };
portals = ( { address = "$target_address"; ${portal:-} },
	{ address = "$target_address6"; ${portal:-} } ${more_portals:-} );
${settings:-}
targets = ( { name = "$target"; luns = ( $luns ); ${of_target:-} } );
END
	"${pinion_under[@]}" "$PINION_BUILD/piniond" -f -c /run/pinion/pinion.conf >>/run/piniond.log 2>&1 &
	pinion_pid=$!
	wait_for 90 is_listening "$target_address" || fail "the daemon does not listen"
}

# Ends it as an administrator does; it must leave with status 0.
pinion_stop() {
	local status=0
	kill -TERM "$pinion_pid" || fail "the daemon had gone before it was stopped"
	wait_for 90 has_ended "$pinion_pid" || fail "the daemon did not end after SIGTERM"
	wait "$pinion_pid" || status=$?
	[ "$status" -eq 0 ] || fail "the daemon ended with status $status"
}

is_silent() { # ADDRESS
	! is_listening "$1"
}

# As when the power goes. The kernel may keep the portals for a moment: afterwards
# another one can be started.
pinion_kill() {
	kill -KILL "$pinion_pid" || fail "the daemon had gone before it was killed"
	wait "$pinion_pid" 2>/dev/null
	wait_for 90 is_silent "$target_address" || fail "the portal outlives the daemon"
}

# ---- the kernel's initiator ----------------------------------------------------
# TRANSPORT is tcp or iser. Its own patience would otherwise end with a busy machine's:
# a test that wants a path given up soon says so at login.

initiator_start() { # TRANSPORT...
	local transport
	for transport in "$@"; do
		case $transport in
		tcp) modprobe iscsi_tcp ;;
		iser) modprobe ib_iser ;;
		esac || fail "no initiator for $transport"
	done
	modprobe sd_mod || fail "no sd_mod"
	mkdir -p /run/lock/iscsi /etc/iscsi
	rm -rf /etc/iscsi/nodes /etc/iscsi/send_targets
	echo "InitiatorName=$initiator" >/etc/iscsi/initiatorname.iscsi
	cat >>/etc/iscsi/iscsid.conf <<'END'

node.conn[0].timeo.login_timeout = 60
node.conn[0].timeo.logout_timeout = 60
node.conn[0].timeo.noop_out_interval = 10
node.conn[0].timeo.noop_out_timeout = 40
END
	iscsid -f >/run/iscsid.log 2>&1 &
	wait_for 90 iscsiadm -m iface || fail "iscsid does not answer"
}

iface_of() { # TRANSPORT
	if [ "$1" = tcp ]; then echo default; else echo "$1"; fi
}

# Prints one line for each portal of each target. Now and then Debian's iscsiadm cannot do it
# over iSER, or crashes (docs/lab.md): that is tried again.
initiator_discover() { # TRANSPORT ADDRESS
	local try status
	for try in 1 2 3; do
		status=0
		timeout 120 iscsiadm -m discovery -t sendtargets -p "$2" -I "$(iface_of "$1")" || status=$?
		[ "$status" -ne 0 ] || break
		echo "iscsiadm ended with status $status, try $try" >&2
	done
	return "$status"
}

# Settings are iscsiadm's: node.conn[0].iscsi.HeaderDigest=CRC32C
initiator_login() { # TRANSPORT ADDRESS IQN [SETTING...]
	local iface address=$2 iqn=$3 setting
	iface=$(iface_of "$1")
	shift 3
	node=(timeout 120 iscsiadm -m node -T "$iqn" -p "$address:3260" -I "$iface")
	"${node[@]}" >/dev/null 2>&1 || "${node[@]}" -o new >/dev/null || return 1
	for setting in "$@"; do
		"${node[@]}" -o update -n "${setting%%=*}" -v "${setting#*=}" || return 1
	done
	"${node[@]}" --login
}

# Prints the disk of a LUN, which comes some time after the login.
initiator_disk() { # IQN LUN
	wait_for 90 find_disk "$1" "$2" && find_disk "$1" "$2"
}

find_disk() { # IQN LUN
	local session disk
	for session in /sys/class/iscsi_session/session*; do
		[ "$(cat "$session/targetname" 2>/dev/null)" = "$1" ] || continue
		for disk in "$session"/device/target*/*:"$2"/block/sd*; do
			[ -b "/dev/${disk##*/}" ] && echo "/dev/${disk##*/}" && return 0
		done
	done
	return 1
}

initiator_logout() { # IQN
	timeout 120 iscsiadm -m node -T "$1" --logout && wait_for 90 has_no_session "$1"
}

has_no_session() { # IQN
	! grep -qsx "$1" /sys/class/iscsi_session/session*/targetname
}

# ---- peers ---------------------------------------------------------------------

# tgt, with LUN 1 in memory: iqn.lab:tgt-tcp and iqn.lab:tgt-iser.
tgt_start() { # MIB
	local transport lld number=0 name
	mkdir -p /run/tgt
	tgtd -f --iser pool_sz_mb=128 >/run/tgtd.log 2>&1 &
	tgt_pid=$!
	wait_for 90 tgtadm --op show --mode sys || fail "tgtd does not answer: $(tail -n 3 /run/tgtd.log)"
	for transport in tcp iser; do
		number=$((number + 1))
		lld=iscsi
		[ $transport = iser ] && lld=iser
		truncate -s "$1M" "/dev/shm/tgt-$transport"
		tgtadm --lld $lld --mode target --op new --tid $number -T "iqn.lab:tgt-$transport" &&
			tgtadm --lld $lld --mode logicalunit --op new --tid $number --lun 1 -b "/dev/shm/tgt-$transport" &&
			tgtadm --lld $lld --mode target --op bind --tid $number -I ALL ||
			fail "tgt: no target for $transport"
	done
	# Over iSER tgt 1.0.85 lets in those only whose name it knows, too.
	for name in "$initiator" iqn.2010-11.libiscsi:iscsi-perf \
		iqn.2007-10.com.github:sahlberg:libiscsi:iscsi-{inq,ls,perf,readcapacity16,test}; do
		tgtadm --lld iser --mode target --op bind --tid 2 -Q "$name" || fail "tgt: cannot admit $name"
	done
}

tgt_stop() {
	# It ends on no other signal. The wait keeps bash from telling of it.
	kill -KILL "$tgt_pid" && wait "$tgt_pid" 2>/dev/null
	true
}

# LIO, with LUN 0 in memory: iqn.2026-11.io.pinion:lio, by TCP or, if asked, iSER,
# at $lio_port.
lio_port=3260
lio_start() { # MIB [iser]
	local config=/sys/kernel/config/target group disk
	configfs_mount
	modprobe -a target_core_mod iscsi_target_mod || fail "no LIO"
	group=$config/iscsi/iqn.2026-11.io.pinion:lio/tpgt_1
	disk=$config/core/rd_mcp_0/lab
	mkdir -p "$disk" && echo "rd_pages=$(($1 * 256))" >"$disk/control" && echo 1 >"$disk/enable" &&
		mkdir -p "$group/lun/lun_0" "$group/np/$target_address:$lio_port" &&
		ln -s "$disk" "$group/lun/lun_0/disk" &&
		echo 0 >"$group/attrib/authentication" && echo 1 >"$group/attrib/generate_node_acls" &&
		echo 0 >"$group/attrib/demo_mode_write_protect" && echo 1 >"$group/attrib/cache_dynamic_acls" ||
		fail "LIO: cannot make the target"
	if [ "${2:-}" = iser ]; then
		modprobe ib_isert && echo 1 >"$group/np/$target_address:$lio_port/iser" || fail "LIO: no iSER"
	fi
	echo 1 >"$group/enable" || fail "LIO: cannot enable the target"
}

lio_stop() {
	local config=/sys/kernel/config/target group
	group=$config/iscsi/iqn.2026-11.io.pinion:lio/tpgt_1
	echo 0 >"$group/enable"
	rm -f "$group/lun/lun_0/disk"
	rmdir "$group/lun/lun_0" "$group/np/"* "$group" "${group%/*}" "$config/core/rd_mcp_0/lab"
}

# ---- devices to serve ----------------------------------------------------------
# Each sets device.

# Keeps what is written, in memory.
null_blk_make() { # NAME MIB [ATTRIBUTE=VALUE...]
	local folder=/sys/kernel/config/nullb/$1 attribute
	configfs_mount
	[ -d /sys/kernel/config/nullb ] || modprobe null_blk nr_devices=0 || fail "no null_blk"
	mkdir "$folder" || fail "null_blk: cannot make $1"
	for attribute in "size=$2" memory_backed=1 "${@:3}" power=1; do
		echo "${attribute#*=}" >"$folder/${attribute%%=*}" || fail "null_blk: cannot set $attribute"
	done
	# Kernels before 5.19 (or so) do not take the name.
	wait_for 90 eval "[ -b /dev/$1 ] || [ -b /dev/nullb$(cat "$folder/index") ]" || fail "null_blk: no disk $1"
	device=/dev/$1
	[ -b "$device" ] || device=/dev/nullb$(cat "$folder/index")
}

# A SCSI disk in memory; parameters are the module's (modinfo scsi_debug).
scsi_debug_make() { # MIB [PARAMETER=VALUE...]
	modprobe sd_mod && modprobe scsi_debug "dev_size_mb=$1" "${@:2}" || fail "no scsi_debug"
	wait_for 90 find_scsi_debug || fail "scsi_debug: no disk"
	device=$(find_scsi_debug)
}

find_scsi_debug() {
	local disk
	for disk in /sys/bus/pseudo/drivers/scsi_debug/adapter*/host*/target*/*/block/sd*; do
		[ -b "/dev/${disk##*/}" ] && echo "/dev/${disk##*/}" && return 0
	done
	return 1
}

# A file system in memory that knows O_DIRECT, unlike tmpfs.
memory_fs_make() { # FOLDER MIB
	modprobe brd rd_nr=1 "rd_size=$(($2 * 1024))" || fail "no brd"
	mke2fs -q -t ext4 -O ^has_journal /dev/ram0 && mkdir -p "$1" && mount /dev/ram0 "$1" ||
		fail "no file system on /dev/ram0"
}

sectors_of() { # DEVICE
	blockdev --getsz "$1"
}

# A device-mapper device of a table, as dmsetup(8) has them. Without udev it has
# no name in /dev/mapper, but the kernel makes the device.
dm_make() { # NAME TABLE
	modprobe dm_mod || fail "no device-mapper"
	dmsetup create --noudevrules --noudevsync "$1" --table "$2" || fail "dm: cannot make $1: $2"
	device=/dev/dm-$(dmsetup info -c --noheadings -o minor "$1")
	[ -b "$device" ] || fail "dm: no $device"
}

# DEVICE, but each request takes so long.
dm_delay_make() { # NAME DEVICE MILLISECONDS
	modprobe dm_delay || fail "no dm-delay"
	dm_make "$1" "0 $(sectors_of "$2") delay $2 0 $3"
}

# DEVICE, but COUNT sectors from FIRST on cannot be read or written.
dm_bad_make() { # NAME DEVICE FIRST COUNT
	local end=$(($3 + $4)) all
	all=$(sectors_of "$2")
	dm_make "$1" "0 $3 linear $2 0
$3 $4 error
$end $((all - end)) linear $2 $end"
}

# DEVICE, in order for UP seconds, then failing for DOWN seconds, and so on.
dm_flakey_make() { # NAME DEVICE UP DOWN
	modprobe dm_flakey || fail "no dm-flakey"
	dm_make "$1" "0 $(sectors_of "$2") flakey $2 0 $3 $4"
}

# ---- RDMA ----------------------------------------------------------------------

# How many there are on all devices, to be compared with an earlier count.
rdma_count() { # qp | cm_id | mr | cq | pd
	rdma resource show | awk -v kind="$1" '
		{ for (i = 1; i < NF; i++) if ($i == kind) sum += $(i + 1) }
		END { print sum + 0 }'
}

rdma_counts() {
	echo "qp $(rdma_count qp) cm_id $(rdma_count cm_id) mr $(rdma_count mr)"
}

rdma_counts_are() { # as printed by rdma_counts
	[ "$(rdma_counts)" = "$1" ]
}

# The index of the GID that stands for an IPv4 address on a device.
rdma_gid_index() { # DEVICE ADDRESS
	local a b c d gid index
	IFS=. read -r a b c d <<<"$2"
	gid=$(printf '0000:0000:0000:0000:0000:ffff:%02x%02x:%02x%02x' "$a" "$b" "$c" "$d")
	index=$(grep -lx "$gid" "/sys/class/infiniband/$1/ports/1/gids/"* 2>/dev/null | head -n 1)
	[ -n "$index" ] && echo "${index##*/}"
}

# ---- faults --------------------------------------------------------------------
# Modes dual and netns: nothing that is sent arrives any more, and the ports stay
# up, as with a broken cable behind a switch. ("ip link set down" and netem are no
# such thing: they make rxe's own send fail, and QP1 stays in error for good.)

path_cut() {
	local name
	modprobe -a sch_ingress cls_matchall act_gact || fail "no traffic control"
	for name in va vb; do
		tc qdisc add dev $name clsact 2>/dev/null
		tc filter add dev $name ingress matchall action drop || fail "cannot cut the path at $name"
	done
}

path_heal() {
	local name
	for name in va vb; do
		tc filter del dev $name ingress || fail "cannot heal the path at $name"
	done
}
