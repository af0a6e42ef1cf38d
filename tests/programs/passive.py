#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What becomes of a passive socket and of its copies: dup, fork, SCM_RIGHTS, epoll, shutdown."""
# timeout: 180
import sys

from programs import PYTHON, equal, finish, main

IMPORTS = """import errno, fcntl, os, select, signal, socket, struct, sys, threading, time
def refused(attempt):
    try:
        attempt()
    except OSError as error:
        return errno.errorcode[error.errno]
    return 'allowed'
def bound():
    passive = socket.socket()
    passive.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    passive.bind(('127.0.0.1', 80))
    return passive
def client():
    return socket.create_connection(('127.0.0.1', 80), timeout=5)
"""


def copies_and_registrations_from_before_listen_are_the_passive_sockets(lab):
    out = lab.python(None, IMPORTS + """
passive = bound()
passive.setblocking(False)
copy = passive.dup()
fcntl.fcntl(copy.fileno(), fcntl.F_SETFD, 0)
level, edge = select.epoll(), select.epoll()
level.register(passive, select.EPOLLIN)
level.register(copy, select.EPOLLIN)
edge.register(copy, select.EPOLLIN | select.EPOLLET)
level.poll(0), edge.poll(0)
passive.listen(8)
for one in (passive, copy):
    print(bool(fcntl.fcntl(one.fileno(), fcntl.F_GETFL) & os.O_NONBLOCK),
          fcntl.fcntl(one.fileno(), fcntl.F_GETFD))
print(level.poll(0.05), edge.poll(0))
clients = [client()]
print(sorted(level.poll(1)) == sorted([(passive.fileno(), 1), (copy.fileno(), 1)]),
      edge.poll(1) == [(copy.fileno(), 1)], edge.poll(0))
clients.append(client())
print(edge.poll(1) == [(copy.fileno(), 1)])
print(refused(lambda: copy.recv(1)), refused(lambda: copy.send(b'x')))
passive.accept()
print(len(level.poll(0)))
passive.close()
copy.accept()
print(level.poll(0.05), refused(copy.accept))
level.modify(copy, select.EPOLLIN | select.EPOLLOUT)
level.unregister(copy)
clients.append(client())
copy.accept()
copy.close()
print(refused(client))
""")
    equal(out, "True 1\nTrue 0\n[] []\nTrue True []\nTrue\nENOTCONN EPIPE\n2\n[] EAGAIN\n"
               "ECONNREFUSED\n")


def it_is_readable_while_connections_wait_and_no_longer(lab):
    out = lab.python(None, IMPORTS + """
passive = socket.create_server(('127.0.0.1', 80), backlog=16)
p = select.poll()
p.register(passive, select.POLLIN | select.POLLOUT | select.POLLRDHUP)
def told():
    return [events for _, events in p.poll(50)]
print(told())
for round in range(20):
    clients = [client() for _ in range(5)]
    for _ in clients:
        assert p.poll(2000)[0][1] == select.POLLIN
        passive.accept()[0].close()
    assert told() == [], round
print(told())
""")
    equal(out, "[]\n[]\n")


def a_process_that_was_forked_before_listen_shares_it(lab):
    out = lab.python(None, IMPORTS + """
passive = bound()
started, go = os.pipe(), os.pipe()
if os.fork() == 0:
    passive.listen(8) # as the workers of a server whose first process binds
    os.write(started[1], b'x')
    os.read(go[0], 1)
    active, _ = passive.accept()
    active.sendall(b'child')
    os._exit(0)
os.read(started[0], 1)
one = client()
print(select.select([passive], [], [], 5)[0] == [passive])
active, _ = passive.accept()
active.sendall(b'parent')
print(one.recv(10))
passive.listen(16)
two = client()
os.write(go[1], b'x')
print(two.recv(10), os.wait()[1])
""")
    equal(out, "True\nb'parent'\nb'child' 0\n")


def one_that_is_sent_to_another_process_goes_on_there(lab):
    out = lab.python(None, IMPORTS + """
for early in (True, False):
    passive = bound()
    here, there = socket.socketpair()
    if not early:
        passive.listen(8)
    socket.send_fds(here, [b'x'], [passive.fileno()]) # it is under way while this one listens
    if early:
        passive.listen(8)
    go = os.pipe()
    child = os.fork()
    if child == 0:
        if not early:
            passive.close()
        got = socket.socket(fileno=socket.recv_fds(there, 1, 1)[1][0])
        os.write(go[1], b'x')
        for _ in range(2):
            active, _ = got.accept()
            active.sendall(b'child')
            active.close()
        print(refused(lambda: got.recv(1)))
        os._exit(0)
    os.read(go[0], 1)
    if not early:
        passive.close()
    print(client().recv(10), client().recv(10), os.waitpid(child, 0)[1])
    passive.close()
    there.close()
    print(refused(client))
""")
    equal(out, ("ENOTCONN\nb'child' b'child' 0\nECONNREFUSED\n") * 2)


def one_that_was_shut_down_can_listen_again(lab):
    out = lab.python(None, IMPORTS + """
passive = socket.create_server(('127.0.0.1', 80))
passive.settimeout(5)
for _ in range(3):
    keep = client()
    passive.accept()
    passive.shutdown(socket.SHUT_RD)
    print(refused(passive.accept), select.select([passive], [], [], 1)[0] == [passive])
    passive.listen(8)
    passive.listen(4)
    print(select.select([passive], [], [], 0.05)[0])
""")
    equal(out, "EINVAL True\n[]\n" * 3)


def without_descriptors_connections_stay_in_the_backlog(lab):
    server = lab.popen(["sh", "-c", 'ulimit -n 64; exec "$@"', "sh", lab.program, "run", "--net",
                        lab.net, "--addr", "10.7.0.1/24", "--", PYTHON, "-c", """
import socket, time
passive = socket.create_server(('10.7.0.1', 80), backlog=128)
print('ready', flush=True)
active = []
for number in range(100):
    while True:
        try:
            passive.settimeout(0.3)
            active.append(passive.accept()[0])
            break
        except OSError as error: # out of descriptors, as anybody may be: serve some first
            if isinstance(error, TimeoutError) and len(active) <= 10:
                continue # the client is slow; if it is for want of descriptors it gives up
            assert len(active) > 10, (number, len(active))
            for _ in range(10):
                one = active.pop(0)
                one.settimeout(5)
                one.sendall(one.recv(10))
                one.close()
for one in active:
    one.settimeout(5)
    one.sendall(one.recv(10))
print('served', flush=True)
"""])
    equal(server.stdout.readline(), b"ready\n", "the server")
    out = lab.python("10.7.0.2/24", """
import socket
active = [socket.create_connection(('10.7.0.1', 80), timeout=10) for _ in range(100)]
for number, one in enumerate(active):
    one.sendall(b'%d' % number)
print(sum(one.recv(10) == b'%d' % number for number, one in enumerate(active)))
""", timeout=40)
    out2, err = finish(server, 20)
    equal((out, out2, err), ("100\n", "served\n", ""))


if __name__ == "__main__":
    sys.exit(main(copies_and_registrations_from_before_listen_are_the_passive_sockets,
                  it_is_readable_while_connections_wait_and_no_longer,
                  a_process_that_was_forked_before_listen_shares_it,
                  one_that_is_sent_to_another_process_goes_on_there,
                  one_that_was_shut_down_can_listen_again,
                  without_descriptors_connections_stay_in_the_backlog))
