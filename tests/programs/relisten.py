#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A passive socket that is closed, and the one that listens in its place a moment later."""
# timeout: 120
import sys

from programs import PYTHON, equal, main, stop

# Closes its passive socket before what it serves, as nobody else is wanted until then.
ONE_CLIENT_A_TIME = """
import socket
first = True
while True:
    passive = socket.create_server(('0.0.0.0', 80))
    if first:
        print('ready', flush=True)
    first = False
    active, _ = passive.accept()
    while data := active.recv(1000):
        active.sendall(data)
    passive.close()
    active.close()
"""

BACK_TO_BACK = """
import socket, sys
for number in range(100):
    with socket.create_connection((sys.argv[1], 80), timeout=10) as active:
        active.sendall(b'%d' % number)
        active.shutdown(socket.SHUT_WR)
        got = b''
        while piece := active.recv(1000):
            got += piece
    assert got == b'%d' % number, (number, got)
print('served')
"""

# The client is connected before the first passive socket is closed, which never accepts it.
LEFT_BEHIND = """
import socket, time
passive = socket.create_server(('10.7.0.1', 80))
print('ready', flush=True)
import select
select.select([passive], [], [])
passive.close()
time.sleep(0.2)
passive = socket.create_server(('10.7.0.1', 80))
passive.settimeout(10)
active, peer = passive.accept()
print(peer[0], active.recv(100).decode(), flush=True)
active.sendall(b'welcome')
"""

LEFT_FOR_GOOD = LEFT_BEHIND.split("time.sleep")[0] + "print('closed', flush=True); time.sleep(60)\n"

GREET = """
import socket
active = socket.create_connection(('10.7.0.1', 80), timeout=10)
active.sendall(b'hello')
try:
    print(active.recv(100).decode())
except ConnectionResetError:
    print('reset')
"""

CLOSE_ON_LINE = """
import socket, sys
passive = socket.create_server(('10.7.0.1', 80))
print('ready', flush=True)
sys.stdin.readline()
passive.close()
print('closed', flush=True)
sys.stdin.readline()
"""

CONNECT_ON_LINE = """
import socket, sys
print('ready', flush=True)
sys.stdin.readline()
try:
    socket.create_connection(('10.7.0.1', 80), timeout=10)
    print('connected')
except OSError as error:
    print(type(error).__name__)
"""

# Not even the process that closes it is ever caught with a connection that nobody takes.
REFUSED_AT_ONCE = """
import socket
for port in range(100, 150):
    passive = socket.create_server(('127.0.0.1', port))
    socket.create_connection(('127.0.0.1', port)).close()
    passive.close()
    try:
        socket.create_connection(('127.0.0.1', port), timeout=10)
        print('connected')
    except ConnectionRefusedError:
        pass
print('all refused')
"""

# One process closes the passive socket; another has it still, with what waits there.
FORKED = """
import os, select, socket, time
passive = socket.create_server(('127.0.0.1', 80))
clients = [socket.create_connection(('127.0.0.1', 80)) for _ in range(5)]
for number, client in enumerate(clients):
    client.sendall(b'%d' % number)
if os.fork() == 0:
    time.sleep(0.5)
    got = []
    for _ in range(6):
        active, _ = passive.accept()
        got.append(active.recv(10))
    print(got)
    os._exit(0)
passive.close()
later = socket.create_connection(('127.0.0.1', 80))
later.sendall(b'5')
os.wait()
"""


def a_hundred_clients_back_to_back_are_all_served_over_a_wire(lab):
    server = lab.host("10.7.0.1/24", PYTHON, "-c", ONE_CLIENT_A_TIME)
    equal(server.stdout.readline(), b"ready\n")
    equal(lab.python("10.7.0.2/24", BACK_TO_BACK, "10.7.0.1", timeout=30), "served\n")
    stop(server)


def a_hundred_clients_back_to_back_are_all_served_over_loopback(lab):
    (lab.folder / "server.py").write_text(ONE_CLIENT_A_TIME)
    (lab.folder / "client.py").write_text(BACK_TO_BACK)
    script = (f"{PYTHON} server.py > out & server=$!\n"
              "until grep -q ready out; do sleep 0.05; done\n"
              f"{PYTHON} client.py 127.0.0.1; kill $server; wait")
    status, out, err = lab.run(None, "sh", "-c", script, timeout=30)
    equal((status, out), (0, "served\n"), err)


def what_waits_at_a_closed_passive_socket_goes_to_the_next_of_its_name(lab):
    server = lab.host("10.7.0.1/24", PYTHON, "-c", LEFT_BEHIND)
    equal(server.stdout.readline(), b"ready\n")
    equal(lab.python("10.7.0.2/24", GREET), "welcome\n")
    equal(server.stdout.readline(), b"10.7.0.2 hello\n")


def without_a_next_one_it_is_reset(lab):
    server = lab.host("10.7.0.1/24", PYTHON, "-c", LEFT_FOR_GOOD)
    equal(server.stdout.readline(), b"ready\n")
    equal(lab.python("10.7.0.2/24", GREET), "reset\n")
    equal(server.stdout.readline(), b"closed\n")


def a_closed_passive_socket_refuses_the_next_connection(lab):
    server = lab.host("10.7.0.1/24", PYTHON, "-c", CLOSE_ON_LINE, stdin=-1)
    client = lab.host("10.7.0.2/24", PYTHON, "-c", CONNECT_ON_LINE, stdin=-1)
    equal(server.stdout.readline(), b"ready\n")
    equal(client.stdout.readline(), b"ready\n")
    server.stdin.write(b"\n")
    server.stdin.flush()
    equal(server.stdout.readline(), b"closed\n")
    client.stdin.write(b"\n")
    client.stdin.flush()
    equal(client.stdout.readline(), b"ConnectionRefusedError\n")


def over_loopback_a_closed_passive_socket_refuses_each_time(lab):
    equal(lab.python(None, REFUSED_AT_ONCE), "all refused\n")


def a_passive_socket_lives_as_long_as_any_process_has_it(lab):
    equal(lab.python(None, FORKED), "[b'0', b'1', b'2', b'3', b'4', b'5']\n")


if __name__ == "__main__":
    sys.exit(main(a_hundred_clients_back_to_back_are_all_served_over_a_wire,
                  a_hundred_clients_back_to_back_are_all_served_over_loopback,
                  what_waits_at_a_closed_passive_socket_goes_to_the_next_of_its_name,
                  without_a_next_one_it_is_reset,
                  a_closed_passive_socket_refuses_the_next_connection,
                  over_loopback_a_closed_passive_socket_refuses_each_time,
                  a_passive_socket_lives_as_long_as_any_process_has_it))
