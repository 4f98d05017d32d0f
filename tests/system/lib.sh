# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
#
# What the system tests share: a daemon of their own on a free port, with a
# configuration written for it, ended by its process id. Sourced, not run.
# The environment gives PINION_BUILD and PINION_SRC (see quickstart).

set -u
export LC_ALL=C

build=${PINION_BUILD:?PINION_BUILD names the build folder}
work=$(mktemp -d "${TMPDIR:-/var/tmp}/pinion-test.XXXXXX") || exit 1
target=iqn.2026-11.io.pinion:test
daemon_pid=
daemon_log=$work/piniond.log

# The reason comes last: of a failed test quickstart shows the end.
fail() {
	[ -s "$daemon_log" ] && { echo "the daemon's log:"; tail -n 25 "$daemon_log"; } >&2
	printf 'FAIL: %s\n' "$*" >&2
	exit 1
}

# The last line tells why; see quickstart.
skip() {
	printf '%s\n' "$*"
	exit 77
}

need() { # COMMAND...: skip without them
	local command
	for command in "$@"; do
		command -v "$command" >/dev/null || skip "no $command here"
	done
}

# One that nobody listens at, and no other than this test has had before.
free_port() {
	local new
	while new=$(python3 -B "$PINION_SRC/tests/system/ports.py") && grep -qsx "$new" "$work/ports"; do
		:
	done
	echo "$new" | tee -a "$work/ports"
}

# Runs a command for at most so many seconds; what hangs is killed.
bounded() { # SECONDS COMMAND...
	local seconds=$1
	shift
	timeout -k 5 "$seconds" "$@"
}

# The same for a Python program, which tells the reason of its failure last: $reason.
python() { # SECONDS ARGUMENT...
	local seconds=$1 status=0
	shift
	bounded "$seconds" python3 -u "$@" >"$work/python" 2>&1 || status=$?
	cat "$work/python"
	reason=$(grep . "$work/python" | tail -n 1)
	case $status in
	124 | 137) reason="did not end within $seconds s" ;;
	esac
	return $status
}

# From here on what initiator.py's programs exchange is written to $PINION_PCAP ...
capture_begin() {
	export PINION_PCAP=$work/wire.pcap
}

# ... of which tshark must find nothing malformed that the target has sent. (In a Reject it
# dissects the header that went back as if its data were there too.)
capture_check() { # PDUs at least
	local frames
	command -v tshark >/dev/null || return 0
	frames=$(tshark -r "$PINION_PCAP" -Y 'iscsi && tcp.srcport == 3260' 2>/dev/null | wc -l)
	[ "$frames" -ge "$1" ] || fail "tshark sees $frames frames of the target only"
	tshark -r "$PINION_PCAP" -Y '_ws.malformed && tcp.srcport == 3260 && !(iscsi.opcode == 0x3f)' \
		>"$work/malformed" 2>/dev/null
	[ ! -s "$work/malformed" ] || fail "tshark finds malformed PDUs: $(head -n 5 "$work/malformed")"
	echo "tshark: nothing malformed in $frames frames of the target"
}

wait_for() { # SECONDS COMMAND...
	local tries=$(($1 * 20))
	shift
	while ((tries-- > 0)); do
		"$@" >/dev/null 2>&1 && return 0
		sleep 0.05
	done
	return 1
}

is_listening() {
	(exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null
}

# The engines that there can be here: some kernels and sandboxes have no io_uring.
engines() {
	if python3 -c '
import ctypes, sys
libc = ctypes.CDLL(None)
sys.exit(libc.syscall(425, 4, ctypes.create_string_buffer(120)) < 0) # io_uring_setup'; then
		echo uring
	else
		echo "no io_uring here: with epoll only" >&2
	fi
	echo epoll
}

# Whether the daemon has come up, or never will: what it has to say of its start it
# says when everything runs, with the portals last.
has_started() {
	tail -c "+$((log_size + 1))" "$daemon_log" | grep -q ' info: portal ' || ! daemon_is_alive
}

# Starts the daemon on a configuration, with its log in $daemon_log, and waits for it.
daemon_run() { # CONFIGURATION
	local log_size=0
	[ ! -e "$daemon_log" ] || log_size=$(stat -c %s "$daemon_log")
	"$build/piniond" -f -c "$1" >>"$daemon_log" 2>&1 </dev/null &
	daemon_pid=$!
	wait_for 90 has_started || fail "the daemon does not start within 90 s"
	daemon_is_alive || fail "the daemon does not start"
}

# Writes a configuration with the LUNs given as libconfig groups and starts the
# daemon on it. Extra top-level settings come from $settings, others from
# $performance and $more_portals (", { ... }").
daemon_start() { # LUN-GROUP...
	local luns='' lun
	for lun in "$@"; do
		luns+="${luns:+, }{ $lun }"
	done
	port=$(free_port)
	url=iscsi://127.0.0.1:$port/$target
	cat >"$work/pinion.conf" <<END
performance: { engine = "${engine:-auto}"; ${performance:-} };
control: { socket = "$work/control.sock"; };
state: { directory = "$work/state"; };
portals = ( { address = "127.0.0.1"; port = $port; } ${more_portals:-} );
${settings:-}
targets = ( { name = "$target"; ${target_settings:-} luns = ( $luns ); } );
END
	daemon_run "$work/pinion.conf"
}

daemon_is_alive() {
	[ -n "$daemon_pid" ] && kill -0 "$daemon_pid" 2>/dev/null
}

# Ends it as an administrator does; it must leave with status 0, and soon: the
# longest grace that a test gives to sessions is 3 s, and the bound for what hangs.
daemon_stop() {
	local status=0 tries=1200
	[ -n "$daemon_pid" ] || return 0
	kill -TERM "$daemon_pid" || fail "the daemon had gone before it was stopped"
	while daemon_is_alive && ((tries-- > 0)); do
		sleep 0.05
	done
	if daemon_is_alive; then
		kill -KILL "$daemon_pid"
		fail "the daemon did not end after SIGTERM"
	fi
	wait "$daemon_pid" || status=$?
	daemon_pid=
	[ "$status" -eq 0 ] || fail "the daemon ended with status $status"
}

clean_up() {
	local pid
	for pid in $daemon_pid ${children:-}; do
		kill -KILL "$pid" 2>/dev/null && wait "$pid" 2>/dev/null
	done
	rm -rf "$work"
}
trap clean_up EXIT
