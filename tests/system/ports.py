# SPDX-License-Identifier: BSD-2-Clause
"""Ports for daemons of tests. Not by binding to port 0: what the kernel gives for that it also
gives, a moment later, to whoever connects somewhere. As a program it prints one."""

import random
import socket

ALL = (("0.0.0.0", socket.AF_INET), ("::", socket.AF_INET6))


def _connecting():
    """The first and the last port that the kernel gives to those who connect."""
    try:
        with open("/proc/sys/net/ipv4/ip_local_port_range", encoding="ascii") as file:
            first, last = map(int, file.read().split())
            return first, last
    except (OSError, ValueError):
        return 32768, 60999


def _is_free(port):
    for address, family in ALL:
        try:
            with socket.socket(family, socket.SOCK_STREAM) as probe:
                if family == socket.AF_INET6:
                    probe.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
                probe.bind((address, port))
        except OSError:
            if family == socket.AF_INET or socket.has_ipv6 and _has_address("::"):
                return False
    return True


def _has_address(address):
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_STREAM) as probe:
            probe.bind((address, 0))
        return True
    except OSError:
        return False


def free_port():
    first, last = _connecting()
    others = [port for port in range(10240, 65536) if not first <= port <= last]
    for _ in range(1000):
        port = random.choice(others or range(first, last + 1))
        if _is_free(port):
            return port
    raise OSError("no port is free")


if __name__ == "__main__":
    print(free_port())
