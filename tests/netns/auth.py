#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
# timeout: 120
"""Signed segments between a host of ours and the kernel, over a TAP: TCP MD5, and TCP-AO where the
kernel has it. Each end connects to the other; without the key there is silence."""
import errno
import socket
import struct
import sys

import tap

KEY = b"a shared secret"
SIZE = 200000

PROGRAM = """
import socket, struct, sys
def addr4(a):
    return struct.pack('=HH4s120x', socket.AF_INET, 0, socket.inet_aton(a))
def sign(s, peer, key, ao):
    if ao:
        s.setsockopt(6, 38, addr4(peer) + struct.pack('=64siIHBBBBBB80s', b'hmac(sha1)', 0, 0, 0, 32,
                     7, 7, 12, 0, len(key), key))
    else:
        s.setsockopt(6, 14, addr4(peer) + struct.pack('=BBHi80s', 0, 0, len(key), 0, key))
def serve(s):
    s.bind(('0.0.0.0', 179))
    s.listen()
    print('ready', flush=True)
    c, _ = s.accept()
    n = 0
    while piece := c.recv(65536):
        n += len(piece)
    c.sendall(str(n).encode())
    c.close()
def ask(s, peer):
    s.settimeout(15)
    s.connect((peer, 179))
    s.sendall(bytes(200000))
    s.shutdown(socket.SHUT_WR)
    return s.recv(100)
"""
OURS_SERVES = PROGRAM + """
s = socket.socket()
sign(s, '10.7.0.1', b'a shared secret', %d)
serve(s)
"""
OURS_ASKS = PROGRAM + """
s = socket.socket()
sign(s, '10.7.0.1', b'a shared secret', %d)
s.settimeout(15)
for i in range(100):
    try:
        assert ask(s, '10.7.0.1') == b'200000'
        break
    except ConnectionRefusedError:
        import time
        time.sleep(0.1)
print('done', flush=True)
sys.stdin.read()
"""
there = {}
exec(PROGRAM, there)


def kernel_socket(ao, key=KEY):
    s = socket.socket()
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        there["sign"](s, tap.OURS, key, ao)
    except OSError as error:
        if error.errno in (errno.ENOPROTOOPT, errno.ENOENT):
            raise tap.Skip(f"the kernel has no {'TCP-AO' if ao else 'TCP MD5'}: {error.strerror}")
        raise
    return s


def answer(s):
    """What comes of a connect without the right key."""
    s.settimeout(1.5)
    try:
        s.connect((tap.OURS, 179))
        return "connected"
    except TimeoutError:
        return "silence"
    except OSError as error:
        return error.strerror
    finally:
        s.close()


def we_serve(ao):
    kernel_socket(ao).close()
    with tap.Host(tap.FOURTUPLE, "run", "--net", "tap:ft0", "--addr", f"{tap.OURS}/24", "--",
                  sys.executable, "-c", OURS_SERVES % ao):
        # Who listens does not refuse: without the key there is silence.
        tap.eventually("that it listens", lambda: answer(socket.socket()) == "silence", 20)
        for key in (None, b"guessed"):
            got = answer(kernel_socket(ao, key) if key else socket.socket())
            assert got == "silence", got
        with kernel_socket(ao) as s:
            assert there["ask"](s, tap.OURS) == b"%d" % SIZE


def we_connect(ao):
    s = kernel_socket(ao)
    with tap.Host(tap.FOURTUPLE, "run", "--net", "tap:ft0", "--addr", f"{tap.OURS}/24", "--",
                  sys.executable, "-c", OURS_ASKS % ao):
        s.settimeout(20)
        there["serve"](s)
    s.close()


def md5_when_the_kernel_connects():
    we_serve(0)


def md5_when_we_connect():
    we_connect(0)


def ao_when_the_kernel_connects():
    we_serve(1)


def ao_when_we_connect():
    we_connect(1)


tap.TESTS = [md5_when_the_kernel_connects, md5_when_we_connect, ao_when_the_kernel_connects,
             ao_when_we_connect]

if __name__ == "__main__":
    sys.exit(tap.main())
