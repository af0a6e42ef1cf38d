#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""connect() is the act on which all else hinges: it fails in ways a program can tell apart."""
# timeout: 180
import signal
import subprocess
import sys

from programs import PYTHON, equal, finish, main, wait_for

ASK = """
import errno, socket, sys, time
def ask(address, port, timeout=None):
    s = socket.socket()
    if timeout:
        import struct
        s.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, timeout)
    try:
        s.connect((address, port))
        return 'connected'
    except OSError as error:
        return errno.errorcode[error.errno]
"""


def a_host_that_refuses_is_econnrefused(lab):
    lab.host("10.7.0.1/24", "sleep", "20", options=["--name", "quiet"])
    wait_for(lambda: "quiet" in lab.ss("--counters", "-a", "quiet"), "the host is there")
    equal(lab.python("10.7.0.2/24", ASK + "print(ask('10.7.0.1', 81))").strip(), "ECONNREFUSED")


def a_neighbour_that_is_not_there_is_ehostunreach(lab):
    equal(lab.python("10.7.0.2/24", ASK + "print(ask('10.7.0.9', 80))").strip(), "EHOSTUNREACH")


def a_network_without_a_route_is_enetunreach(lab):
    equal(lab.python("10.7.0.2/24", ASK + "print(ask('192.0.2.1', 80))").strip(), "ENETUNREACH")


def a_host_that_never_answers_is_etimedout(lab):
    server = lab.host("10.7.0.1/24", PYTHON, "-c",
                      "import socket, time\n"
                      "passive = socket.create_server(('10.7.0.1', 80))\n"
                      "time.sleep(60)\n", options=["--name", "mute"])
    wait_for(lambda: ":80" in lab.ss("-l", "mute"), "it listens")
    client = lab.host("10.7.0.2/24", PYTHON, "-c", ASK +
                      "print(ask('10.7.0.1', 80), flush=True)\n"
                      "input()\n"
                      "print(ask('10.7.0.1', 80, 1500))\n", stdin=subprocess.PIPE)
    equal(client.stdout.readline(), b"connected\n")
    server.send_signal(signal.SIGSTOP)
    out, err = finish(client, 20, b"\n")
    equal(out, "ETIMEDOUT\n", err)


def a_host_that_resets_at_once_is_econnreset_at_the_first_use(lab):
    lab.host("10.7.0.1/24", PYTHON, "-c",
             "import socket, struct\n"
             "passive = socket.create_server(('10.7.0.1', 80))\n"
             "while True:\n"
             "    active, _ = passive.accept()\n"
             "    active.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))\n"
             "    active.close()\n", options=["--name", "rude"])
    wait_for(lambda: ":80" in lab.ss("-l", "rude"), "it listens")
    out = lab.python("10.7.0.2/24", "import errno, socket\n"
                     "active = socket.create_connection(('10.7.0.1', 80))\n"
                     "try:\n"
                     "    print(active.recv(1))\n"
                     "except OSError as error:\n"
                     "    print(errno.errorcode[error.errno])\n")
    equal(out.strip(), "ECONNRESET")


FASTOPEN_SERVER = """
import socket
passive = socket.socket()
passive.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
passive.setsockopt(socket.IPPROTO_TCP, socket.TCP_FASTOPEN, 5)
passive.bind(('10.7.0.1', 80))
passive.listen()
while True:
    active, _ = passive.accept()
    total = 0
    while data := active.recv(65536):
        total += len(data)
    active.sendall(str(total).encode())
    active.close()
"""

FASTOPEN_CLIENT = """
import errno, select, socket, time
FASTOPEN, CONNECT, SYN_DATA, NAME = 0x20000000, 30, 32, ('10.7.0.1', 80)
ESTABLISHED = 1

def ask(how, n):
    active = socket.socket()
    data = bytes(n)
    if how == 'connect':
        active.setsockopt(socket.IPPROTO_TCP, CONNECT, 1)
        active.connect(NAME)
        active.sendall(data)
    elif how == 'nonblocking':
        active.setblocking(False)
        sent = active.sendto(data, FASTOPEN, NAME)
        select.select([], [active], [])
        active.setblocking(True)
        active.sendall(data[sent:])
    else:
        sent = (active.sendto(data, FASTOPEN, NAME) if how == 'sendto'
                else active.sendmsg([data], [], FASTOPEN, NAME))
        active.sendall(data[sent:])
    info = active.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 104)
    while info[0] != ESTABLISHED:
        time.sleep(0.01)
        info = active.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 104)
    active.shutdown(socket.SHUT_WR)
    print(how, int(active.recv(100)) == n, bool(info[5] & SYN_DATA))

def write_and_leave():
    active = socket.socket()
    active.setsockopt(socket.IPPROTO_TCP, CONNECT, 1)
    active.connect(NAME)
    active.sendall(bytes(900))
    active.shutdown(socket.SHUT_WR)
    print(active.recv(100))

for how, n in (('sendto', 100), ('sendto', 100), ('sendmsg', 50000), ('connect', 700),
               ('connect', 50000), ('nonblocking', 3000)):
    ask(how, n)
write_and_leave()
active = socket.socket()
try:
    active.sendto(b'x', FASTOPEN, ('10.7.0.1', 81))
except OSError as error:
    print(errno.errorcode[error.errno])
"""


def octets_go_with_the_syn(lab):
    """RFC 7413: MSG_FASTOPEN and TCP_FASTOPEN_CONNECT, after the first answer has brought a cookie."""
    lab.host("10.7.0.1/24", PYTHON, "-c", FASTOPEN_SERVER, options=["--name", "fast"])
    wait_for(lambda: ":80" in lab.ss("-l", "fast"), "it listens")
    equal(lab.python("10.7.0.2/24", FASTOPEN_CLIENT).splitlines(),
          ["sendto True False", "sendto True True", "sendmsg True True", "connect True True",
           "connect True True", "nonblocking True True", "b'900'", "ECONNREFUSED"])


NONBLOCKING = """
import errno, select, socket, time
passive = socket.create_server(('127.0.0.1', 80))
def begin(port):
    s = socket.socket()
    s.setblocking(False)
    assert s.connect_ex(('127.0.0.1', port)) == errno.EINPROGRESS
    return s
"""


def poll_tells_the_end_of_a_nonblocking_connect(lab):
    out = lab.python(None, NONBLOCKING + """
for port in (80, 81):
    s = begin(port)
    p = select.poll()
    p.register(s, select.POLLIN | select.POLLOUT)
    p.poll(5000)
    time.sleep(0.05)
    print(p.poll(0)[0][1], s.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR))
""")
    # POLLOUT; and POLLIN, POLLOUT, POLLERR, POLLHUP with ECONNREFUSED, as the kernel's TCP.
    equal(out, "4 0\n29 111\n")


def select_tells_the_end_of_a_nonblocking_connect(lab):
    out = lab.python(None, NONBLOCKING + """
for port in (80, 81):
    s = begin(port)
    r, w, x = select.select([s], [s], [s], 5)
    print(len(r), len(w), s.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR))
""")
    equal(out, "0 1 0\n1 1 111\n")


def epoll_tells_the_end_level_and_edge_triggered(lab):
    out = lab.python(None, NONBLOCKING + """
for edge in (0, select.EPOLLET):
    for port in (80, 81):
        s = socket.socket()
        s.setblocking(False)
        e = select.epoll()
        e.register(s, select.EPOLLIN | select.EPOLLOUT | select.EPOLLRDHUP | edge)
        e.poll(0)
        assert s.connect_ex(('127.0.0.1', port)) == errno.EINPROGRESS
        # SO_ERROR takes EPOLLERR with it. EPOLLOUT, EPOLLIN, EPOLLRDHUP of a failure may come a moment after EPOLLERR and EPOLLHUP.
        print(e.poll(5)[0][1] & ~0x2005 if port == 81 else e.poll(5)[0][1],
              s.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR))
        time.sleep(0.05)
        left = e.poll(0)
        print(port == 81 or len(left) == (0 if edge else 1))
        if not edge:
            print(left[0][1])
""")
    equal(out, "4 0\nTrue\n4\n24 111\nTrue\n8213\n" + "4 0\nTrue\n24 111\nTrue\n")


def nothing_is_ready_while_a_connect_is_under_way(lab):
    out = lab.python("10.7.0.2/24", """
import errno, select, socket
s = socket.socket()
s.setblocking(False)
assert s.connect_ex(('10.7.0.9', 80)) == errno.EINPROGRESS
p = select.poll()
p.register(s, select.POLLIN | select.POLLOUT | select.POLLRDHUP)
print(p.poll(100), s.connect_ex(('10.7.0.9', 80)) == errno.EALREADY)
try:
    s.send(b'x')
except BlockingIOError:
    print('EAGAIN')
""")
    equal(out, "[] True\nEAGAIN\n")


def a_connect_may_be_tried_again_on_the_same_descriptor(lab):
    out = lab.python(None, """
import errno, os, socket
s = socket.socket()
copy = s.fileno()
print(errno.errorcode[s.connect_ex(('127.0.0.1', 80))])
passive = socket.create_server(('127.0.0.1', 80))
s.connect(('127.0.0.1', 80))
active, name = passive.accept()
active.sendall(b'again')
print(s.recv(10), name == s.getsockname(), os.get_inheritable(s.fileno()))
""")
    equal(out, "ECONNREFUSED\nb'again' True False\n")


def epolls_and_copies_follow_a_socket_whose_connect_is_tried_again(lab):
    out = lab.python(None, NONBLOCKING + """
import os
loop, other = select.epoll(), select.epoll()
for edge in (0, select.EPOLLET):
    s = begin(81)
    copy = s.dup()
    os.set_inheritable(copy.fileno(), True)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, 2)
    loop.register(s, select.EPOLLIN | select.EPOLLOUT | edge)
    other.register(copy, select.EPOLLIN)
    for attempt in range(3):
        assert loop.poll(5)[0][1] & select.EPOLLHUP and other.poll(5)
        assert s.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == errno.ECONNREFUSED
        assert s.connect_ex(('127.0.0.1', 81)) == errno.EINPROGRESS
    loop.poll(5)
    s.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
    assert s.connect_ex(('127.0.0.1', 80)) == errno.EINPROGRESS
    print([(fd == s.fileno(), bits) for fd, bits in loop.poll(5)], other.poll(0))
    loop.modify(s, select.EPOLLIN | edge)
    active, _ = passive.accept()
    active.sendall(b'hello')
    print([(fd == s.fileno(), bits) for fd, bits in loop.poll(5)],
          [(fd == copy.fileno(), bits) for fd, bits in other.poll(5)])
    print(copy.recv(10), s.getsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT),
          os.get_inheritable(copy.fileno()), os.get_inheritable(s.fileno()),
          os.get_blocking(copy.fileno()))
    loop.unregister(s)
    s.close()
    copy.close()
    print(active.recv(1), other.poll(0))
""")
    equal(out, "[(True, 4)] []\n[(True, 1)] [(True, 1)]\nb'hello' 2 True False False\nb'' []\n" * 2)


def a_copy_in_another_process_follows_at_its_first_call_about_the_socket(lab):
    out = lab.python(None, """
import os, socket, sys
passive = socket.create_server(('127.0.0.1', 80))
s = socket.socket()
print(s.connect_ex(('127.0.0.1', 81)), flush=True)
go, told = os.pipe()
child = os.fork()
if child == 0:
    os.read(go, 1)
    copy = os.dup(s.fileno())
    print(s.getpeername()[1], flush=True)
    os.write(copy, b'of the child')
    sys.exit(0)
s.connect(('127.0.0.1', 80))
active, _ = passive.accept()
os.write(told, b'x')
print(os.waitpid(child, 0)[1], active.recv(99), flush=True)
s.send(b'of the parent')
print(active.recv(99))
""")
    equal(out, "111\n80\n0 b'of the child'\nb'of the parent'\n")


def a_connect_that_fails_at_once_may_be_tried_again(lab):
    out = lab.python("10.7.0.2/24", """
import errno, select, socket
passive = socket.create_server(('10.7.0.2', 80))
s = socket.socket()
loop = select.epoll()
loop.register(s, select.EPOLLIN)
for address, port in (('192.0.2.1', 80), ('10.7.0.2', 81), ('192.0.2.1', 80), ('10.7.0.2', 80)):
    print(errno.errorcode.get(s.connect_ex((address, port))))
print(loop.poll(0))
passive.accept()[0].close()
print(loop.poll(5) == [(s.fileno(), select.EPOLLIN)], s.recv(1))
""")
    equal(out, "ENETUNREACH\nECONNREFUSED\nENETUNREACH\nNone\n[]\nTrue b''\n")


def a_second_connect_is_eisconn(lab):
    out = lab.python(None, NONBLOCKING + """
s = socket.create_connection(('127.0.0.1', 80))
print(errno.errorcode[s.connect_ex(('127.0.0.1', 80))])
print(errno.errorcode[passive.connect_ex(('127.0.0.1', 80))])
""")
    equal(out, "EISCONN\nEISCONN\n")


def a_signal_interrupts_a_blocking_connect(lab):
    out = lab.python("10.7.0.2/24", """
import ctypes, errno, select, signal, socket, struct
libc = ctypes.CDLL(None, use_errno=True)
signal.signal(signal.SIGALRM, lambda *_: None)
signal.siginterrupt(signal.SIGALRM, True)
s = socket.socket()
signal.setitimer(signal.ITIMER_REAL, 0.1)
name = struct.pack('!H', 80)
name = struct.pack('H', socket.AF_INET) + name + socket.inet_aton('10.7.0.9') + bytes(8)
print(libc.connect(s.fileno(), name, 16), errno.errorcode[ctypes.get_errno()])
p = select.poll()
p.register(s, select.POLLOUT)
print(p.poll(0))
""")
    equal(out, "-1 EINTR\n[]\n")


def without_descriptors_a_connect_fails_and_mixes_up_no_conversations(lab):
    # With and without a time limit: what blocks there blocks the supervisor, too.
    for patience in ("2", "None"):
        child = lab.popen(["sh", "-c", 'ulimit -n 100; exec "$@"', "sh", lab.program, "run", "--",
                           PYTHON, "-c", """
import errno, socket, threading, time
def server(port):
    passive = socket.create_server(('127.0.0.1', port), backlog=200)
    def serve():
        while True:
            active, _ = passive.accept()
            active.sendall(b'%d' % port)
            served.append(active)
    threading.Thread(target=serve, daemon=True).start()
def connect(port):
    s = socket.socket()
    s.settimeout(PATIENCE)
    s.connect(('127.0.0.1', port))
    return s
served, held, refused = [], [], []
for port in (5001, 5002):
    server(port)
for _ in range(100):
    s = socket.socket()
    s.settimeout(PATIENCE)
    try:
        s.connect(('127.0.0.1', 5001))
        held.append(s)
    except OSError as error:
        refused.append(errno.errorcode[error.errno])
    if len(refused) == 20:
        break
print(len(held) > 10, set(refused))
for one in held + served:
    one.close()
served.clear()
time.sleep(0.5)
again = s.connect_ex(('127.0.0.1', 5002)) # one that was refused may try again
print(again, s.recv(100))
print(*(connect(port).recv(100).decode() for port in (5001, 5002, 5001, 5002)))
""".replace("PATIENCE", patience)])
        out, err = finish(child, 20)
        equal(out, "True {'ENFILE'}\n0 b'5002'\n5001 5002 5001 5002\n", err)


if __name__ == "__main__":
    sys.exit(main(a_host_that_refuses_is_econnrefused,
                  a_neighbour_that_is_not_there_is_ehostunreach,
                  a_network_without_a_route_is_enetunreach,
                  a_host_that_never_answers_is_etimedout,
                  a_host_that_resets_at_once_is_econnreset_at_the_first_use,
                  octets_go_with_the_syn,
                  poll_tells_the_end_of_a_nonblocking_connect,
                  select_tells_the_end_of_a_nonblocking_connect,
                  epoll_tells_the_end_level_and_edge_triggered,
                  nothing_is_ready_while_a_connect_is_under_way,
                  a_connect_may_be_tried_again_on_the_same_descriptor,
                  epolls_and_copies_follow_a_socket_whose_connect_is_tried_again,
                  a_copy_in_another_process_follows_at_its_first_call_about_the_socket,
                  a_connect_that_fails_at_once_may_be_tried_again,
                  a_second_connect_is_eisconn,
                  a_signal_interrupts_a_blocking_connect,
                  without_descriptors_a_connect_fails_and_mixes_up_no_conversations))
