# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash disable=SC2154 # lab_* come from lab's job
#
# Process 1 of the guest: brings up the network, runs the command with its
# output on the port that lab reads, leaves its status in /lab and ends.
# Sourced by init, after /lab/job.

export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export HOME=/root USER=root LC_ALL=C
# shellcheck source=tests/lab/network.sh
. "$lab_dir/network.sh"

# Ends what still runs but process 1 and, by its id, the copier: while anybody
# holds its pipe, it does not end.
end_all_but() { # PID
	local folder pid
	for folder in /proc/[0-9]*; do
		pid=${folder#/proc/}
		[ "$pid" -le 2 ] || [ "$pid" = "$1" ] || kill -KILL "$pid" 2>/dev/null
	done
}

run_command() {
	local assignment
	for assignment in "${lab_environment[@]}"; do
		export "${assignment?}"
	done
	export LAB_MODE=$lab_mode LAB_DRIVER=$lab_driver LAB_DIR=$lab_dir
	cd "$lab_cwd" || exit 125
	exec "${lab_command[@]}" </dev/null
}

main() {
	local port status=125 copier ready tries=100

	ulimit -l unlimited
	ulimit -c 0
	ip link set lo up
	hostname lab
	[ -n "$lab_out" ] && mkdir -p /out &&
		mount -t 9p -o trans=virtio,version=9p2000.L,msize=512000 out /out
	# There is no udev to make the port's name.
	port=$(grep -lx lab.out /sys/class/virtio-ports/*/name)
	port=${port%/name}
	port=/dev/${port##*/}
	# A pipe, since the port itself can be opened only once.
	mkfifo /run/lab.out
	cat /run/lab.out >"$port" &
	copier=$!
	exec 3>/run/lab.out

	if network_up >/run/network.log 2>&1; then
		read -r ready _ </proc/uptime
		echo "$ready" >/lab/ready
		(run_command) >&3 2>&1 3>&-
		status=$?
	else
		cp /run/network.log /lab/failure
	fi
	dmesg >/lab/dmesg
	exec 3>&-
	end_all_but "$copier"
	while kill -0 "$copier" 2>/dev/null && ((tries-- > 0)); do
		sleep 0.02
	done
	echo "$status" >/lab/status
}

main
busybox reboot -f
