#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
# timeout: 120
"""A host of ours against the kernel's own TCP/IP, over a TAP in a network namespace of its own.

The far end is build/bench/server (sink, source, echo, hold); iperf3 runs inside `fourtuple run`.
"""
import hashlib
import json
import os
import pathlib
import random
import re
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time

BUILD = pathlib.Path(os.environ.get("BUILD", "build")).resolve()
FOURTUPLE = os.environ.get("FOURTUPLE", str(BUILD / "fourtuple"))
SERVER = str(BUILD / "bench" / "server")
OURS, KERNEL = "10.7.0.2", "10.7.0.1"
OURS6, KERNEL6 = "fd07::2", "fd07::1"
ROUTER = "fe80::99"


class Skip(Exception):
    pass


def run(*command, timeout=30, check=True):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          timeout=timeout)
    if check and done.returncode != 0:
        raise AssertionError(f"{' '.join(command)}: {done.returncode}\n{done.stdout}")
    return done.stdout


def eventually(what, condition, timeout=10):
    end = time.monotonic() + timeout
    while not condition():
        if time.monotonic() > end:
            raise AssertionError(f"{what}: not within {timeout} s")
        time.sleep(0.02)


def exists(interface):
    return os.path.exists(f"/sys/class/net/{interface}") or \
        subprocess.run(["ip", "link", "show", interface], stdout=subprocess.DEVNULL,
                       stderr=subprocess.DEVNULL).returncode == 0


class Host:
    """A process of ours on a TAP of its own, whose kernel end has KERNEL's addresses."""

    def __init__(self, *command, tap="ft0"):
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL,
                                        stdout=subprocess.DEVNULL)
        try:
            eventually("the TAP", lambda: exists(tap) or self.process.poll() is not None)
            assert self.process.poll() is None, f"exit status {self.process.poll()}"
            run("ip", "addr", "add", f"{KERNEL}/24", "dev", tap)
            run("ip", "addr", "add", f"{KERNEL6}/64", "dev", tap, "nodad")
            run("ip", "link", "set", tap, "up")
        except BaseException:
            self.process.kill()
            self.process.wait()
            raise

    def __enter__(self):
        return self

    def __exit__(self, failed, *_):
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise AssertionError("it does not end when asked to")
        # A program under `run` ends of the signal; ours ends well, and a sanitizer would say so.
        if failed is None and self.process.args[0] == SERVER:
            assert self.process.returncode == 0, f"exit status {self.process.returncode}"


def server(*more):
    return Host(SERVER, "--net", "tap:ft0", "--addr", f"{OURS}/24", "--addr", f"{OURS6}/64", *more)


def connect(port, address=OURS, timeout=10):
    end = time.monotonic() + timeout
    while True:
        try:
            return socket.create_connection((address, port), timeout=timeout)
        except ConnectionRefusedError:
            if time.monotonic() > end:
                raise
            time.sleep(0.05)


def arp_is_answered():
    with server():
        run("ping", "-c", "1", "-W", "5", OURS)
        seen = run("ip", "neigh", "show", OURS)
        assert re.search(r"lladdr [0-9a-f:]{17}.*(REACHABLE|DELAY|STALE)", seen), seen


def ping_is_answered_in_all_sizes():
    with server():
        for size in ("0", "56", "1472", "4000"):
            out = run("ping", "-c", "3", "-i", "0.05", "-W", "5", "-s", size, OURS)
            assert " 0% packet loss" in out, out


def ping6_is_answered():
    with server():
        out = run("ping", "-6", "-c", "3", "-i", "0.05", "-W", "5", OURS6)
        assert " 0% packet loss" in out, out


def a_port_without_a_listener_refuses():
    with server():
        connect(5003).close()
        try:
            socket.create_connection((OURS, 9), timeout=5)
        except ConnectionRefusedError:
            return
        raise AssertionError("the connection was not refused")


def echo(address, n_octets, seed):
    """Sends random octets and compares what comes back."""
    data = random.Random(seed).randbytes(n_octets)
    with connect(5003, address) as sock:
        sender = threading.Thread(target=lambda: (sock.sendall(data), sock.shutdown(socket.SHUT_WR)))
        sender.start()
        got = hashlib.sha256()
        total = 0
        while octets := sock.recv(65536):
            got.update(octets)
            total += len(octets)
        sender.join()
    assert total == n_octets, f"{total} of {n_octets} octets came back"
    assert got.digest() == hashlib.sha256(data).digest(), "other octets came back"


def what_is_sent_comes_back_the_same():
    with server():
        for n_octets in (1, 1459, 1460, 1461, 100000, 20000000):
            echo(OURS, n_octets, n_octets)


def the_same_over_ipv6():
    with server():
        echo(OURS6, 5000000, 6)


def the_same_over_a_bad_cable():
    with server("--link", "delay=5ms,jitter=1ms,loss=1%,dup=0.5%,reorder=1%,corrupt=0.1%,seed=9"):
        echo(OURS, 500000, 7)


def many_connections_at_once():
    failures = []

    def one(seed):
        try:
            echo(OURS, 20000, seed)
        except Exception as error:  # told below
            failures.append(error)

    with server():
        threads = [threading.Thread(target=one, args=(i,)) for i in range(100)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert not failures, failures[0]


def mbit_per_s(sock, seconds, send):
    chunk = bytes(65536)
    begin = time.monotonic()
    total = 0
    while time.monotonic() - begin < seconds:
        total += sock.send(chunk) if send else len(sock.recv(65536))
    return total * 8 / (time.monotonic() - begin) / 1e6


def bulk_flows_both_ways():
    with server():
        with connect(5001) as sock:
            there = mbit_per_s(sock, 1, True)
        with connect(5002) as sock:
            sock.send(b"x")
            back = mbit_per_s(sock, 1, False)
    print(f"# to us {there:.0f} Mbit/s, to the kernel {back:.0f} Mbit/s")
    assert there > 50 and back > 50, (there, back)


def a_capture_is_what_was_sent():
    path = pathlib.Path(os.environ.get("TMP", "/tmp")) / "tap.pcapng"
    if shutil.which("tshark") is None:
        raise Skip("tshark is not installed")
    with server("--pcap", str(path)):
        echo(OURS, 10000, 1)
    bad = run("tshark", "-r", str(path), "-o", "tcp.check_checksum:TRUE", "-o",
              "ip.check_checksum:TRUE", "-Y", "_ws.malformed or tcp.checksum.status==Bad or "
              "ip.checksum.status==Bad or tcp.analysis.lost_segment", "-T", "fields", "-e",
              "frame.number", "-e", "frame.protocols")
    lines = [line for line in bad.splitlines() if not line.startswith("Running as")]
    # The kernel leaves checksums of its own segments to the card, which a TAP is not.
    sent = run("tshark", "-r", str(path), "-Y", f"ip.src=={OURS} and tcp.len>0")
    assert f"{OURS}" in sent, "nothing of ours in the capture"
    ours = run("tshark", "-r", str(path), "-o", "tcp.check_checksum:TRUE", "-Y",
               f"ip.src=={OURS} and tcp.checksum.status==Bad")
    assert "5003" not in ours, ours
    assert not [line for line in lines if "malformed" in line], bad


def iperf(*client):
    if shutil.which("iperf3") is None:
        raise Skip("iperf3 is not installed")
    if not os.access(FOURTUPLE, os.X_OK):
        raise Skip("the program was not built")
    if "run" not in run(FOURTUPLE, "--help"):
        raise Skip("fourtuple has no run")
    with Host(FOURTUPLE, "run", "--net", "tap:ft0", "--addr", f"{OURS}/24", "--", "iperf3", "-s"):
        eventually("iperf3", lambda: ":5201" in run(FOURTUPLE, "ss", "-tlH"))
        out = json.loads(run("iperf3", "-c", OURS, "-t", "2", "-J", *client, check=False))
    assert "error" not in out, f"{client}: {out['error']}"
    rate = out["end"]["sum_received"]["bits_per_second"] / 1e6
    print(f"# {' '.join(client) or 'to us'}: {rate:.0f} Mbit/s")
    assert rate > 20, f"{rate} Mbit/s"


def iperf3_sends_to_us():
    iperf()


def iperf3_sends_to_the_kernel():
    iperf("-R")


def iperf3_with_eight_streams_each_way():
    iperf("-P", "8")
    iperf("-P", "8", "-R")


def advertise(preferred, valid, router):
    """A router's advertisement of 2001:db8:1::/64 to all nodes on the TAP, lifetimes in seconds."""
    with socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6) as sock:
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_HOPS, 255)
        sock.bind((ROUTER, 0, 0, socket.if_nametoindex("ft0")))
        prefix = socket.inet_pton(socket.AF_INET6, "2001:db8:1::")
        sock.sendto(struct.pack("!BBHBBHII", 134, 0, 0, 64, 0, router, 0, 0) +
                    struct.pack("!BBBBIII16s", 3, 4, 64, 0xc0, valid, preferred, 0, prefix),
                    ("ff02::1", 0, 0, socket.if_nametoindex("ft0")))


# Tells what the interface looks like whenever that changes.
LOOK = """
import subprocess, sys, time
before = None
while True:
    now = [line.split() for line in open('/proc/net/if_inet6')]
    now = sorted((w[0], int(w[4], 16) & 0x20 != 0) for w in now if w[5] != 'lo')
    now.append(subprocess.run(['ip', '-6', 'route', 'show', 'default'], capture_output=True,
                              text=True).stdout.split()[:3])
    if now != before:
        print(now, file=open(sys.argv[1], 'a'), flush=True)
    before = now
    time.sleep(0.05)
"""


def what_a_router_advertises_is_on_the_programs_interface():
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder, "seen")
        path.touch()

        def last():
            return eval(path.read_text().splitlines()[-1])

        with Host(FOURTUPLE, "run", "--net", "tap:ft0", "--addr", f"{OURS}/24", "--",
                  sys.executable, "-c", LOOK, path):
            run("ip", "addr", "add", f"{ROUTER}/64", "dev", "ft0", "nodad")
            eventually("the program", path.read_text, 20)
            before = last()
            assert len(before) == 2 and before[0][0].startswith("fe80"), before
            advertise(4, 4, 1800)
            eventually("the address", lambda: len(last()) == 3)
            formed = last()[0][0]
            assert formed.startswith("20010db800010000") and not last()[0][1], last()
            eventually("the router", lambda: last()[2] == ["default", "via", ROUTER])
            run("ping", "-6", "-c", "1", "-W", "5", "-I", "ft0",
                socket.inet_ntop(socket.AF_INET6, bytes.fromhex(formed)))
            advertise(0, 4, 0)
            eventually("that the router goes", lambda: last()[2] == [])
            eventually("that it is deprecated", lambda: last()[0] == (formed, True))
            eventually("the end of the address", lambda: last() == before)


TESTS = [arp_is_answered, ping_is_answered_in_all_sizes, ping6_is_answered,
         a_port_without_a_listener_refuses, what_is_sent_comes_back_the_same, the_same_over_ipv6,
         the_same_over_a_bad_cable, many_connections_at_once, bulk_flows_both_ways,
         a_capture_is_what_was_sent, iperf3_sends_to_us, iperf3_sends_to_the_kernel,
         iperf3_with_eight_streams_each_way, what_a_router_advertises_is_on_the_programs_interface]


def main():
    if os.geteuid() != 0:
        print("needs root, for a network namespace and a TAP")
        return 77
    if not os.path.exists("/dev/net/tun"):
        print("needs /dev/net/tun")
        return 77
    if not os.access(SERVER, os.X_OK):
        print(f"{SERVER} was not built", file=sys.stderr)
        return 1
    if os.environ.get("IN_NAMESPACE") != "1":
        os.environ["IN_NAMESPACE"] = "1"
        os.execvp("unshare", ["unshare", "--net", sys.executable, *sys.argv])
    os.environ["XDG_RUNTIME_DIR"] = os.environ.get("TMP", "/tmp")
    run("ip", "link", "set", "lo", "up")
    wanted = [t for t in TESTS if len(sys.argv) == 1 or t.__name__ in sys.argv[1:]]
    print(f"1..{len(wanted)}")
    n_bad = 0
    for number, test in enumerate(wanted, 1):
        try:
            test()
            print(f"ok {number} - {test.__name__}", flush=True)
        except Skip as why:
            print(f"ok {number} - {test.__name__} # SKIP {why}", flush=True)
        except Exception as error:
            n_bad += 1
            print(f"not ok {number} - {test.__name__}", flush=True)
            for line in f"{type(error).__name__}: {error}".splitlines():
                print(f"# {line}", flush=True)
    return 1 if n_bad else 0


if __name__ == "__main__":
    sys.exit(main())
