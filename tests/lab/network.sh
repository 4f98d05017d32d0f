# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
#
# The guest's network and its RDMA devices, by mode. Sourced by guest.sh.
#
# One end is 10.9.0.1 and fd09::1 (the target's), the other 10.9.0.2 and fd09::2.
# Devices: rxe0 (or siw0) in mode dummy, else rxea on "va" and rxeb on "vb".

# A 4096-byte RDMA message and its headers in one packet.
mtu=4200

say_and_fail() {
	echo "$*"
	return 1
}

load_rdma() {
	if ! modprobe -q "$1"; then
		say_and_fail "kernel $(uname -r) has no $1"
		return
	fi
	modprobe ib_uverbs && modprobe rdma_ucm
}

device_is_active() { # DEVICE
	rdma link show "$1/1" | grep -q 'state ACTIVE'
}

add_device() { # LETTER INTERFACE
	local tries=100
	rdma link add "$lab_driver$1" type "$lab_driver" netdev "$2" || return 1
	until device_is_active "$lab_driver$1"; do
		((tries-- > 0)) || {
			say_and_fail "$lab_driver$1 does not become active"
			return
		}
		sleep 0.05
	done
}

add_addresses() { # INTERFACE NUMBER
	# nodad: an address that is still being probed for cannot be bound to.
	ip addr add "10.9.0.$2/24" dev "$1" && ip addr add "fd09::$2/64" dev "$1" nodad
}

dummy_up() {
	modprobe dummy numdummies=0
	ip link add d0 mtu "$mtu" type dummy && ip link set d0 up &&
		add_addresses d0 1 && add_addresses d0 2 && add_device 0 d0
}

# va and vb, the two ends of one cable.
cable_up() {
	local folder name tries=100
	if [ "$lab_nics" = yes ]; then
		modprobe e1000e || return 1
		until [ -e /sys/class/net/eth1 ]; do
			((tries-- > 0)) || {
				say_and_fail "no two network cards"
				return
			}
			sleep 0.05
		done
		for folder in /sys/class/net/eth*; do
			name=vb
			grep -q ':01$' "$folder/address" && name=va
			ip link set "${folder##*/}" name "$name" || return 1
		done
		ip link set va mtu "$mtu" && ip link set vb mtu "$mtu" || return 1
	else
		ip link add va mtu "$mtu" type veth peer name vb mtu "$mtu" || return 1
	fi
	# Neighbours are told, not asked for: the two ends need not answer ARP as two
	# machines would, and a cut path is not cut a second time by a stale entry.
	address_of_va=$(cat /sys/class/net/va/address)
	address_of_vb=$(cat /sys/class/net/vb/address)
}

# Both ends have an address of this machine, so the kernel would deliver at once
# what goes from one to the other. The table of local addresses is looked at only
# after rules that send what is made here (iif lo) out at the other's interface.
# The RDMA connection manager asks by interface (oif) whether a peer is reachable.
route_across() { # FAMILY ADDRESS-OF-VA ADDRESS-OF-VB
	ip "$1" rule add pref 300 lookup local &&
		ip "$1" rule add pref 10 iif lo to "$2" lookup 101 &&
		ip "$1" rule add pref 11 iif lo to "$3" lookup 102 &&
		ip "$1" rule add pref 12 oif va lookup 102 &&
		ip "$1" rule add pref 13 oif vb lookup 101 &&
		ip "$1" route add "$2" dev vb src "$3" table 101 &&
		ip "$1" route add "$3" dev va src "$2" table 102 &&
		ip "$1" neigh add "$2" lladdr "$address_of_va" dev vb nud permanent &&
		ip "$1" neigh add "$3" lladdr "$address_of_vb" dev va nud permanent &&
		ip "$1" rule del pref 0
}

dual_up() {
	local name
	cable_up || return 1
	ip link set va up && ip link set vb up || return 1
	for name in all va vb; do
		# What comes in has a source address that is our own.
		echo 1 >/proc/sys/net/ipv4/conf/$name/accept_local
		echo 0 >/proc/sys/net/ipv4/conf/$name/rp_filter
	done
	add_addresses va 1 && add_addresses vb 2 &&
		route_across -4 10.9.0.1 10.9.0.2 && route_across -6 fd09::1 fd09::2 &&
		add_device a va && add_device b vb
}

netns_up() {
	cable_up && ip netns add far && ip link set vb netns far || return 1
	ip link set va up && add_addresses va 1 || return 1
	ip -n far link set lo up && ip -n far link set vb up &&
		ip -n far addr add 10.9.0.2/24 dev vb && ip -n far addr add fd09::2/64 dev vb nodad || return 1
	add_device a va && ip netns exec far rdma link add "${lab_driver}b" type "$lab_driver" netdev vb || return 1
	[ "$lab_driver" = siw ] || ip netns exec far ss -uln | grep -q ':4791 ' ||
		say_and_fail "the rxe of kernel $(uname -r) works in one network namespace only (use --mode dual)"
}

network_up() {
	[ "$lab_mode" = none ] && return 0
	case $lab_driver in
	rxe) load_rdma rdma_rxe ;;
	siw) modprobe -q iw_cm && load_rdma siw ;;
	esac || return 1
	"${lab_mode}_up"
}
