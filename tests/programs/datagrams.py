#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Datagrams, enough for a resolver and more."""
# timeout: 120
import sys

from programs import PYTHON, equal, main, need, wait_for

IMPORTS = "import errno, os, select, socket, struct, sys, threading, time\n"

# Answers every question for an A record with 10.7.0.1, and every other with nothing.
NAME_SERVER = """
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(('0.0.0.0', 53))
print('ready', flush=True)
while True:
    question, peer = s.recvfrom(512)
    end = question.index(0, 12) + 5
    is_a = question[end - 4:end - 2] == bytes([0, 1])
    answer = question[:2] + bytes([0x81, 0x80, 0, 1, 0, is_a, 0, 0, 0, 0]) + question[12:end]
    if is_a:
        answer += bytes([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 10, 7, 0, 1])
    s.sendto(answer, peer)
"""


def a_resolver_asks_the_name_server_that_dns_names(lab):
    need("curl")
    server = lab.host("10.7.0.53/24", PYTHON, "-c", NAME_SERVER)
    equal(server.stdout.readline(), b"ready\n")
    (lab.folder / "page").write_text("found by name")
    lab.host("10.7.0.1/24", PYTHON, "-m", "http.server", "80", options=["--name", "web"])
    wait_for(lambda: ":80" in lab.ss("-l", "web"), "http.server listens")
    status, out, err = lab.run("10.7.0.2/24", "curl", "-sS", "www.lab.test/page",
                               options=["--dns", "10.7.0.53"])
    equal((status, out), (0, "found by name"), err)


def without_dns_a_resolver_fails_soon(lab):
    out = lab.python("10.7.0.2/24", IMPORTS + """
try:
    socket.getaddrinfo('www.lab.test', 80)
except socket.gaierror:
    print('not found')
print(open('/etc/resolv.conf').read().count('nameserver'))
""", timeout=8)
    equal(out, "not found\n0\n")


def datagrams_keep_their_bounds_and_their_senders(lab):
    out = lab.python(None, IMPORTS + """
a, b = (socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2))
a.bind(('127.0.0.1', 1000))
b.bind(('127.0.0.1', 2000))
for data in (b'one', b'', b'three' * 1000):
    b.sendto(data, ('127.0.0.1', 1000))
time.sleep(0.1)
print([(len(data), name[1]) for data, name in (a.recvfrom(9000) for _ in range(3))])
b.connect(('127.0.0.1', 1000))
b.send(b'native')
b.sendall(b'next')
b.sendmsg([b'by', b'msg'])
select.select([a], [], [])
time.sleep(0.1)
print(a.recv(100), a.recvfrom(100)[1], a.recvmsg(100)[0])
a.setblocking(False)
try:
    a.recvfrom(10)
except BlockingIOError:
    print('EAGAIN')
""")
    equal(out, "[(3, 2000), (0, 2000), (5000, 2000)]\n"
               "b'native' ('127.0.0.1', 2000) b'bymsg'\nEAGAIN\n")


def a_receive_that_waits_is_answered_or_times_out(lab):
    out = lab.python(None, IMPORTS + """
import struct
a, b = (socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2))
a.bind(('127.0.0.1', 1000))
for receive in (lambda: a.recvfrom(10)[0], lambda: a.recvmsg(10)[0], lambda: a.recv(10)):
    threading.Timer(0.1, lambda: b.sendto(b'late', ('127.0.0.1', 1000))).start()
    print(receive())
a.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack('ll', 0, 100_000))
try:
    a.recvfrom(10)
except OSError as error:
    print(errno.errorcode[error.errno])
""")
    equal(out, "b'late'\n" * 3 + "EAGAIN\n")


def a_look_at_what_is_still_to_come_leaves_it_there(lab):
    """A peek that waited took the datagram away."""
    out = lab.python(None, IMPORTS + """
a, b = (socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2))
a.bind(('127.0.0.1', 1000))
for look in (lambda: a.recvfrom(10, socket.MSG_PEEK)[0],
             lambda: a.recvmsg(10, 0, socket.MSG_PEEK)[0]):
    a.settimeout(None)
    threading.Timer(0.1, lambda: b.sendto(b'late', ('127.0.0.1', 1000))).start()
    print(look(), look())
    a.settimeout(2)
    print(a.recvfrom(10)[0])
""")
    equal(out, "b'late' b'late'\nb'late'\n" * 2)


def threads_that_read_one_socket_share_its_datagrams(lab):
    """One reads natively, one stops: each datagram came to one of them, or to both, or to none."""
    out = lab.python(None, IMPORTS + """
a, b = (socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2))
a.bind(('127.0.0.1', 1000))
b.connect(('127.0.0.1', 1000))
got = []

def read(receive):
    while (data := receive()) != b'end':
        got.append(data)

threads = [threading.Thread(target=read, args=(receive,))
           for receive in (lambda: a.recv(10), lambda: a.recvfrom(10)[0])]
for thread in threads:
    thread.start()
for i in range(100):
    for j in range(20):
        b.send(b'%d' % (20 * i + j))
    until = time.monotonic() + 5
    while len(got) < 20 * (i + 1) and time.monotonic() < until:
        time.sleep(0.001)
while any(thread.is_alive() for thread in threads):
    b.send(b'end')
    time.sleep(0.01)
print(len(got), len(set(got)))
""")
    equal(out, "2000 2000\n")


def a_port_that_nobody_has_is_told_on_a_connected_socket(lab):
    out = lab.python(None, IMPORTS + """
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.connect(('127.0.0.1', 9))
s.send(b'anybody')
time.sleep(0.2)
print(errno.errorcode[s.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)])
""")
    equal(out, "ECONNREFUSED\n")


def a_name_is_free_as_soon_as_its_socket_is_closed(lab):
    out = lab.python(None, IMPORTS + """
for _ in range(3):
    s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
    s.bind(('::1', 1000))
    print(s.getsockopt(socket.SOL_SOCKET, socket.SO_TYPE))
    s.close()
""")
    equal(out, "2\n2\n2\n")


# Asks a group for a name, or answers, as multicast DNS does: both ends hold the same port.
MULTICAST = IMPORTS + """
import struct
family = socket.AF_INET6 if ':' in sys.argv[2] else socket.AF_INET
s = socket.socket(family, socket.SOCK_DGRAM)
s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
s.bind(('', 5353))
s.settimeout(5)
index = [i for i, name in socket.if_nameindex() if name != 'lo'][0]
if family == socket.AF_INET6:
    s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_JOIN_GROUP,
                 socket.inet_pton(family, sys.argv[2]) + struct.pack('=I', index))
    group = sys.argv[2], 5353, 0, index
else:
    s.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP,
                 socket.inet_aton(sys.argv[2]) + socket.inet_aton('0.0.0.0'))
    group = sys.argv[2], 5353
if sys.argv[1] == 'answer':
    print('ready', flush=True)
    if s.recv(100) == b'who is it?':
        s.sendto(b'me', group)
else:
    s.sendto(b'who is it?', group)
heard = [s.recvfrom(100) for _ in range(1 if sys.argv[1] == 'answer' else 2)]
print([(data, name[0].split('%')[0]) for data, name in heard])
try:
    s.setsockopt(socket.IPPROTO_IP, 39, bytes(12))
except OSError as error:
    print(errno.errorcode[error.errno])
"""


def two_hosts_find_each_other_by_a_group(lab):
    for group, addrs in (("224.0.0.251", ("10.7.0.1", "10.7.0.2")),
                         ("ff05::fb", ("fd07::1", "fd07::2"))):
        suffix = "/64" if ":" in group else "/24"
        server = lab.host(addrs[0] + suffix, PYTHON, "-c", MULTICAST, "answer", group)
        equal(server.stdout.readline(), b"ready\n")
        out = lab.python(addrs[1] + suffix, MULTICAST, "ask", group)
        equal(out, f"[(b'who is it?', '{addrs[1]}'), (b'me', '{addrs[0]}')]\nENOPROTOOPT\n")
        equal(server.stdout.read().decode(), f"[(b'me', '{addrs[0]}')]\nENOPROTOOPT\n")
        server.wait()


def socat_hears_a_group_that_it_has_joined(lab):
    need("socat")
    hears = lab.host("10.7.0.1/24", "socat", "-u",
                     "UDP4-RECVFROM:5000,ip-add-membership=239.1.2.3:10.7.0.1", "STDOUT")
    wait_for(lambda: ":5000" in lab.ss("-u", "-a"), "socat waits")
    lab.run("10.7.0.2/24", "socat", "-u", "STDIN", "UDP4-DATAGRAM:239.1.2.3:5000",
            input=b"to all of you")
    equal(hears.stdout.read(), b"to all of you")


def a_broadcast_needs_leave(lab):
    out = lab.python("10.7.0.2/24", IMPORTS + """
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(('', 5353))
try:
    s.sendto(b'all', ('10.7.0.255', 5353))
except OSError as error:
    print(errno.errorcode[error.errno])
s.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
s.sendto(b'all', ('10.7.0.255', 5353))
print(s.recvfrom(10))
""")
    equal(out, "EACCES\n(b'all', ('10.7.0.2', 5353))\n")


def datagrams_are_put_together_and_cut_as_asked(lab):
    out = lab.python("10.7.0.2/24", IMPORTS + """
import struct
UDP_CORK, UDP_SEGMENT, UDP_GRO, MSG_MORE = 1, 103, 104, 0x8000
a, b = (socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2))
b.bind(('10.7.0.2', 1000))
b.settimeout(5)
a.connect(('10.7.0.2', 1000))
a.send(b'one ', MSG_MORE)
a.sendmsg([b'two '], [], MSG_MORE)
a.send(b'three')
print(b.recv(100))
a.setsockopt(socket.IPPROTO_UDP, UDP_CORK, 1)
a.send(b'corked, ')
a.send(b'and no more')
a.setsockopt(socket.IPPROTO_UDP, UDP_CORK, 0)
print(b.recv(100))
a.setsockopt(socket.IPPROTO_UDP, UDP_SEGMENT, 1000)
a.send(bytes(2500))
print([len(b.recv(9000)) for _ in range(3)])
a.setsockopt(socket.IPPROTO_UDP, UDP_SEGMENT, 0)
a.sendmsg([bytes(1300)], [(socket.IPPROTO_UDP, UDP_SEGMENT, struct.pack('H', 1200))])
print([len(b.recv(9000)) for _ in range(2)])
b.setsockopt(socket.IPPROTO_UDP, UDP_GRO, 1)
got = 0
while got < 2500:
    a.setsockopt(socket.IPPROTO_UDP, UDP_SEGMENT, 1000)
    if got == 0:
        a.send(bytes(2500))
    data, control, _, _ = b.recvmsg(65535, 100)
    assert len(data) <= 1000 or struct.unpack('i', control[0][2]) == (1000,), control
    got += len(data)
print(got)
""")
    equal(out, "b'one two three'\nb'corked, and no more'\n[1000, 1000, 500]\n[1200, 100]\n2500\n")


def a_datagram_without_a_destination_is_told(lab):
    out = lab.python(None, IMPORTS + """
def told(call, *args):
    try:
        return call(*args)
    except OSError as error:
        return errno.errorcode[error.errno]

s, peer = (socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2))
peer.bind(('127.0.0.1', 1000))
copy = socket.fromfd(s.fileno(), s.family, s.type)
print(told(os.write, s.fileno(), b'never'), told(s.send, b'never'), told(s.sendmsg, [b'never']))
print(told(s.sendto, b'addressed', ('127.0.0.1', 1000)))
s.connect(('127.0.0.1', 1000))
print(os.write(copy.fileno(), b'with a peer'), peer.recv(99), peer.recv(99))
peer.sendto(b'back', s.getsockname())
print(s.recv(99), s.send(b''), peer.recv(99))
import ctypes
print(ctypes.CDLL(None).connect(s.fileno(), struct.pack('@H14x', socket.AF_UNSPEC), 16))
print(told(os.write, s.fileno(), b'never'))
s.connect(('127.0.0.1', 1000))
print(s.send(b'again'), peer.recv(99))
""")
    equal(out, "ENOTCONN ENOTCONN EDESTADDRREQ\n9\n11 b'addressed' b'with a peer'\n"
               "b'back' 0 b''\n0\nENOTCONN\n5 b'again'\n")


def a_datagram_that_is_too_long_is_told(lab):
    out = lab.python(None, IMPORTS + """
def told(call, *args):
    try:
        return call(*args)
    except OSError as error:
        return errno.errorcode[error.errno]

s, peer = (socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2))
peer.bind(('127.0.0.1', 1000))
s.connect(('127.0.0.1', 1000))
s.send(bytes(65508))
print(errno.errorcode[s.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)])
s.send(bytes(65508))
print(told(s.sendmsg, [b'next']), told(s.sendmsg, [b'then']), peer.recv(9))
# Control messages of any length that is reasonable.
print(told(s.sendmsg, [b'long'], [(socket.IPPROTO_IP, 8, bytes(12))] * 8), peer.recv(9))
print(told(s.sendmsg, [b'odd'], [(socket.IPPROTO_IP, 8, bytes(9000))]))
""")
    equal(out, "EMSGSIZE\nEMSGSIZE 4 b'then'\n4 b'long'\nENOBUFS\n")


def the_error_queue_holds_errors_and_no_data(lab):
    """A look into it read data, or waited for some."""
    out = lab.python(None, IMPORTS + """
def told(call, *args):
    try:
        return call(*args)
    except OSError as error:
        return errno.errorcode[error.errno]

ERRQUEUE = 0x2000
a, b = (socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2))
a.bind(('127.0.0.1', 1000))
print(told(a.recvmsg, 99, 99, ERRQUEUE), told(a.recv, 99, ERRQUEUE), told(a.recvfrom, 99, ERRQUEUE))
b.sendto(b'data', ('127.0.0.1', 1000))
time.sleep(0.1)
print(told(a.recvmsg, 99, 99, ERRQUEUE), told(a.recv, 99, ERRQUEUE), told(a.recvfrom, 99, ERRQUEUE))
print(a.recv(99))
server = socket.create_server(('127.0.0.1', 80))
c = socket.create_connection(('127.0.0.1', 80))
d = server.accept()[0]
c.send(b'stream')
time.sleep(0.1)
for s in (c, d, server, socket.socket()):
    print(told(s.recvmsg, 3, 99, ERRQUEUE), told(s.recv, 3, ERRQUEUE))
print(d.recv(99), told(d.setsockopt, socket.SOL_SOCKET, 60, 1))
b.setsockopt(socket.IPPROTO_IP, 11, 1)
b.sendto(b'to nobody', ('127.0.0.1', 9))
time.sleep(0.1)
_, control, flags, name = b.recvmsg(99, 99, ERRQUEUE)
print(control[0][:2], struct.unpack_from('I', control[0][2])[0], flags == ERRQUEUE, name)
""")
    equal(out, "EAGAIN EAGAIN EAGAIN\n" * 2 + "b'data'\n" + "EAGAIN EAGAIN\n" * 4 +
          "b'stream' ENOTSUP\n(0, 11) 111 True ('127.0.0.1', 9)\n")


def what_was_sent_before_the_close_is_sent(lab):
    out = lab.python(None, IMPORTS + """
sink = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
sink.bind(('127.0.0.1', 1000))
sink.settimeout(5)
for _ in range(20):
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.connect(('127.0.0.1', 1000))
    for i in range(150):
        s.send(bytes([i]))
    s.close()
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    print(*{i == sink.recv(9)[0] for i in range(150)}, end=' ')
""")
    equal(out, "True " * 20)


def a_reader_that_is_late_finds_all(lab):
    out = lab.python(None, IMPORTS + """
sink, s = (socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2))
sink.bind(('127.0.0.1', 1000))
for i in range(250):
    s.sendto(bytes([i]) * 100, ('127.0.0.1', 1000))
time.sleep(0.1)
print(all(os.read(sink.fileno(), 200) == bytes([i]) * 100 for i in range(250)))
print(select.select([sink], [], [], 0.1)[0])
""")
    equal(out, "True\n[]\n")


def a_stream_may_say_that_more_comes(lab):
    out = lab.python(None, IMPORTS + """
server = socket.create_server(('127.0.0.1', 1000))
a = socket.create_connection(('127.0.0.1', 1000))
b, _ = server.accept()
a.send(b'one ', 0x8000)
a.send(b'two')
a.close()
print(b.recv(100, socket.MSG_WAITALL))
""")
    equal(out, "b'one two'\n")


if __name__ == "__main__":
    sys.exit(main(a_resolver_asks_the_name_server_that_dns_names, without_dns_a_resolver_fails_soon,
                  datagrams_keep_their_bounds_and_their_senders,
                  a_receive_that_waits_is_answered_or_times_out,
                  a_look_at_what_is_still_to_come_leaves_it_there,
                  threads_that_read_one_socket_share_its_datagrams,
                  a_port_that_nobody_has_is_told_on_a_connected_socket,
                  a_name_is_free_as_soon_as_its_socket_is_closed,
                  two_hosts_find_each_other_by_a_group, socat_hears_a_group_that_it_has_joined,
                  a_broadcast_needs_leave, datagrams_are_put_together_and_cut_as_asked,
                  a_datagram_without_a_destination_is_told,
                  a_datagram_that_is_too_long_is_told, the_error_queue_holds_errors_and_no_data,
                  what_was_sent_before_the_close_is_sent, a_reader_that_is_late_finds_all,
                  a_stream_may_say_that_more_comes))
