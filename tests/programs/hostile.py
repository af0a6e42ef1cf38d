#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Nothing that a program does crashes the supervisor, or makes it lie to another program."""
# timeout: 180
import sys

from programs import PYTHON, check, equal, main

# Socket calls with senseless arguments, from several threads and processes, some of them killed.
SENSELESS = """
import ctypes, os, random, signal, socket, sys, threading, time
libc = ctypes.CDLL(None, use_errno=True)
seed = int(sys.argv[1])
signal.signal(signal.SIGPIPE, signal.SIG_IGN)
page = ctypes.create_string_buffer(4096)
base = ctypes.addressof(page)
NAMES = [41, 42, 43, 44, 45, 46, 47, 48, 49, 50, 51, 52, 54, 55, 16, 288, 299, 307, 3, 32, 72]
SMALL = [0, 1, 2, 3, 5, 7, 8, 10, 16, 28, 110, 127, 128, 129, 4096, 65507, 65536, 2**31 - 1, -1]

def pick(random):
    return random.choice([random.choice(SMALL), base, base + 4090, base + random.randrange(4000),
                          1, -1, 2**63 - 1, random.getrandbits(64) - 2**63, 0x8912, 0x5411,
                          0x8915, 0x891b, 0x541b, 0x89f0])

def storm(seed, until):
    r = random.Random(seed)
    for i in range(0, 4096, 16):
        page[i:i + 16] = bytes([r.choice([1, 2, 10]), 0, 0, r.choice([80, 81]), 127, 0, 0, 1]) + \\
            bytes(8)
    while time.monotonic() < until:
        name = r.choice(NAMES)
        args = [r.randrange(3, 16)] + [pick(r) for _ in range(5)]
        if name == 41:
            args = [r.choice([1, 2, 10, 16]), r.choice([1, 2, 5, 3]) | r.choice([0, 2048, 524288]),
                    r.choice([0, 6, 17, 132, 262])]
        elif name in (42, 49) and r.random() < 0.7:
            args[1:3] = [base + 16 * r.randrange(250), r.choice([16, 28])]
        elif name in (43, 288) and r.random() < 0.7:
            args[1:3] = [0, 0]
        elif name == 16:
            args[1] = r.choice([0x8912, 0x5411, 0x8915, 0x891b, 0x541b, 0x89f0, 0x8905, 0x8901])
        elif name == 72:
            args[1:] = [4, 2048, 0, 0, 0]
        elif name == 48:
            args[1] = r.choice([0, 1, 2])
        if name == 47 and args[1] not in (0, 1, -1):
            args[1] = 0
        libc.syscall(name, *[ctypes.c_long(a) for a in args])

def life(seed):
    signal.signal(signal.SIGALRM, lambda *_: None)
    signal.setitimer(signal.ITIMER_REAL, 0.02, 0.02)
    passive = socket.create_server(('127.0.0.1', 80 + seed % 2), backlog=5, reuse_port=True)
    until = time.monotonic() + 1.5
    threads = [threading.Thread(target=storm, args=(seed * 10 + i, until), daemon=True)
               for i in range(3)]
    for t in threads:
        t.start()
    time.sleep(random.Random(seed).choice([0.3, 1.0, 1.6]))
    os.kill(os.getpid(), signal.SIGKILL)

for child in range(4):
    if os.fork() == 0:
        life(seed * 100 + child)
for child in range(4):
    os.wait()
print('survived')
"""

AFTERWARDS = """
import socket
passive = socket.create_server(('127.0.0.1', 443))
client = socket.create_connection(('127.0.0.1', 443))
active, _ = passive.accept()
client.sendall(b'still here')
print(active.recv(20))
"""


def senseless_calls_hurt_nobody_else(lab):
    for seed in (1, 2):
        out = lab.python(None, SENSELESS.replace("print('survived')", AFTERWARDS), str(seed),
                         timeout=30, options=["--linger", "1"])
        equal(out, "b'still here'\n")


def a_program_that_leaks_sockets_gets_an_error_and_the_run_goes_on(lab):
    out = lab.python(None, """
import errno, os, resource, socket
keep = []
try:
    while True:
        keep.append(socket.socket())
except OSError as error:
    print(errno.errorcode[error.errno])
n = len(keep)
keep = None
""" + AFTERWARDS)
    equal(out, "EMFILE\nb'still here'\n")


def other_numberings_of_system_calls_do_not_exist(lab):
    out = lab.python(None, """
import ctypes, errno
libc = ctypes.CDLL(None, use_errno=True)
for number in (425, 0x40000000 + 41):
    print(libc.syscall(number, 2, 1, 0), errno.errorcode[ctypes.get_errno()])
""")
    equal(out, "-1 ENOSYS\n" * 2)


def a_thread_killed_in_accept_leaves_its_name_free(lab):
    out = lab.python(None, """
import os, signal, socket, time
for _ in range(3):
    pid = os.fork()
    if pid == 0:
        passive = socket.create_server(('127.0.0.1', 80))
        passive.accept()
    time.sleep(0.2)
    os.kill(pid, signal.SIGKILL)
    os.wait()
    time.sleep(0.02)
    print(socket.socket().connect_ex(('127.0.0.1', 80)))
""")
    equal(out, "111\n" * 3)


def a_storm_of_signals_loses_no_connection(lab):
    out = lab.python(None, """
import ctypes, signal, socket, threading
passive = socket.create_server(('127.0.0.1', 80), backlog=64)
# A C function, and SA_RESTART: without, calls that never wait on Linux give EINTR (doc/run.md), and
# the interpreter goes on without what they would have told it.
libc = ctypes.CDLL(None)
libc.signal(signal.SIGALRM, libc.getpid)
signal.setitimer(signal.ITIMER_REAL, 0.0005, 0.0005)
def clients():
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGALRM})
    for i in range(300):
        with socket.create_connection(('127.0.0.1', 80)) as client:
            client.sendall(b'%d' % i)
            client.recv(1)
threading.Thread(target=clients).start()
seen = []
while len(seen) < 300:
    active, _ = passive.accept()
    seen.append(int(active.recv(10)))
    active.close()
signal.setitimer(signal.ITIMER_REAL, 0)
print(seen == list(range(300)))
""", timeout=40)
    equal(out, "True\n")


if __name__ == "__main__":
    sys.exit(main(senseless_calls_hurt_nobody_else,
                  a_program_that_leaks_sockets_gets_an_error_and_the_run_goes_on,
                  other_numberings_of_system_calls_do_not_exist,
                  a_thread_killed_in_accept_leaves_its_name_free,
                  a_storm_of_signals_loses_no_connection))
