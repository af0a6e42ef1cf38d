#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What a TCP socket means, seen by unmodified programs."""
# timeout: 180
import json
import subprocess
import sys

from programs import PYTHON, check, equal, finish, main, need, wait_for

IMPORTS = "import array, errno, fcntl, os, select, signal, socket, struct, sys, threading, time\n"


def a_passive_socket_refuses_octets(lab):
    out = lab.python(None, IMPORTS + """
signal.signal(signal.SIGPIPE, signal.SIG_DFL)
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGPIPE])
passive = socket.create_server(('127.0.0.1', 80))
fd = passive.fileno()
quiet = socket.MSG_NOSIGNAL
for name, attempt in (('send', lambda: passive.send(b'x')), ('write', lambda: os.write(fd, b'x')),
                      ('writev', lambda: os.writev(fd, [b'x', b'y'])),
                      ('sendmsg', lambda: passive.sendmsg([b'x'])),
                      ('more', lambda: passive.send(b'x', socket.MSG_MORE)),
                      ('oob', lambda: passive.send(b'x', socket.MSG_OOB)),
                      ('quiet', lambda: passive.send(b'x', quiet)),
                      ('to', lambda: passive.sendto(b'x', ('127.0.0.1', 80))),
                      ('recv', lambda: passive.recv(1)), ('read', lambda: os.read(fd, 1)),
                      ('readv', lambda: os.readv(fd, [bytearray(1)])),
                      ('dontwait', lambda: passive.recv(1, socket.MSG_DONTWAIT)),
                      ('recvfrom', lambda: passive.recvfrom(1)),
                      ('recvmsg', lambda: passive.recvmsg(1)),
                      ('recvoob', lambda: passive.recv(1, socket.MSG_OOB)),
                      ('peer', lambda: passive.getpeername())):
    try:
        print(name, 'allowed', attempt())
    except OSError as error:
        told = signal.sigtimedwait([signal.SIGPIPE], 0) is not None
        print(name, errno.errorcode[error.errno], int(told))
""")
    equal(out.splitlines(),
          [name + " EPIPE 1" for name in ("send", "write", "writev", "sendmsg", "more", "oob")] +
          ["quiet EPIPE 0", "to EPIPE 1"] +
          [name + " ENOTCONN 0" for name in ("recv", "read", "readv", "dontwait", "recvfrom",
                                             "recvmsg", "recvoob", "peer")])


# What follows is run on the kernel as well, and has to say the same there.
NAMES = IMPORTS + """
def told(call, *args):
    try:
        return call(*args)
    except OSError as error:
        pipe = signal.sigtimedwait([signal.SIGPIPE], 0)
        return errno.errorcode[error.errno] + (' SIGPIPE' if pipe else '')

def later(call, *args):
    threading.Timer(0.1, call, args).start()

signal.signal(signal.SIGPIPE, signal.SIG_DFL)
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGPIPE])
server = socket.create_server(('127.0.0.1', 0))
name = server.getsockname()
elsewhere = ('192.0.2.1', 9)
c = socket.create_connection(name)
d = server.accept()[0]
print(c.sendto(b'one', elsewhere), c.sendmsg([b't', b'wo'], [], 0, elsewhere))
print(d.recv(6, socket.MSG_WAITALL))
d.send(b'data')
print(c.recvmsg(9), c.recvfrom(9, socket.MSG_DONTWAIT) if select.select([c], [], [], 0)[0] else '')
for a, b in ((c, d), (d, c)):
    for receive in (lambda: a.recvfrom(9), lambda: a.recvmsg(9), lambda: a.recvfrom(9, 2)):
        later(b.send, b'late')
        print(receive())
    a.recv(9)
later(d.send, b'part')
print(c.recvfrom(2))
print(c.recvfrom(9))
d.send(b'abc')
later(d.send, b'def')
print(c.recvfrom(6, socket.MSG_WAITALL))
print(told(c.recvfrom, 0, socket.MSG_DONTWAIT), told(c.recvfrom, 9, socket.MSG_DONTWAIT))
later(d.send, b'abc')
print(c.recvfrom(0))
c.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack('ll', 0, 200_000))
print(c.recvfrom(6, socket.MSG_WAITALL), told(c.recvfrom, 6), told(c.recvmsg, 6))
c.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack('ll', 0, 0))
c.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, 5)
later(d.send, b'abc')
threading.Timer(0.3, d.send, (b'def',)).start()
print(c.recvfrom(9), d.send(b'gh'))
time.sleep(0.2)
print(c.recvfrom(1), c.recvfrom(9, socket.MSG_DONTWAIT))
c.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, 1)
data = os.urandom(1 << 20)
got = b''
threading.Thread(target=lambda: (c.sendto(data, elsewhere), c.shutdown(socket.SHUT_WR))).start()
while part := d.recvfrom(30000)[0]:
    got += part
print(got == data, told(c.sendto, b'x', elsewhere), told(c.sendmsg, [b'x'], [], 0, elsewhere))
d.send(b'last')
later(d.close)
print(c.recvfrom(9, socket.MSG_WAITALL), c.recvfrom(9))
e = socket.create_connection(name)
f = server.accept()[0]
f.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
later(f.close)
print(told(e.recvfrom, 9), told(e.recvfrom, 9))
n = socket.socket()
print(told(n.sendto, b'x', name), told(n.sendmsg, [b'x'], [], 0, name), told(n.sendmsg, [b'x']))
print(told(n.sendto, b'x', socket.MSG_NOSIGNAL, name), told(n.recvfrom, 9))
"""


def a_name_means_nothing_on_a_stream(lab):
    native = subprocess.run([PYTHON, "-c", NAMES], capture_output=True, timeout=30, check=True)
    equal(lab.python(None, NAMES), native.stdout.decode())


OVER = IMPORTS + """
def told(call, *args):
    try:
        return call(*args)
    except OSError as error:
        return errno.errorcode[error.errno]

server = socket.create_server(('127.0.0.1', 0))
name = server.getsockname()

def pair():
    c = socket.create_connection(name)
    return c, server.accept()[0], c.getsockname()

def look(s, own):
    print(told(s.getpeername), told(s.getsockname) == own, told(s.shutdown, socket.SHUT_RDWR))

def reset(s):
    s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
    s.close()

for first in range(2):
    c, d, own = pair()
    reset(d)
    time.sleep(0.2)
    if first:
        print(told(c.recv, 1))
    look(c, own)
c, d, own = pair()
d.close()
time.sleep(0.2)
print(c.recv(1), c.getpeername() == name)
c.shutdown(socket.SHUT_WR)
time.sleep(0.2)
look(c, own)
for type in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
    s = socket.socket(socket.AF_INET, type)
    look(s, ('0.0.0.0', 0))
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.connect(name)
print(s.shutdown(socket.SHUT_WR), told(s.shutdown, 3), told(server.shutdown, socket.SHUT_WR))
s = socket.socket()
print(told(s.shutdown, socket.SHUT_WR))
s.connect(name)
print(told(s.send, b'x'))
"""


def a_conversation_that_is_over_has_no_peer(lab):
    native = subprocess.run([PYTHON, "-c", OVER], capture_output=True, timeout=30, check=True)
    equal(lab.python(None, OVER), native.stdout.decode())


def what_is_over_for_long_still_answers(lab):
    out = lab.python(None, OVER.partition("for first")[0] + """
c, d, own = pair()
reset(d)
server.listen(50)
for _ in range(2100):
    a, b, _ = pair()
    reset(b)
    a.close()
print(told(c.getpeername), told(c.getsockname), told(c.setsockopt, socket.IPPROTO_TCP, 1, 1))
mine, _ = socket.socketpair()
print(mine.getpeername() == '', mine.getsockopt(socket.SOL_SOCKET, socket.SO_DOMAIN) == 1)
""")
    equal(out, "ENOTCONN EINVAL None\nTrue True\n")


LISTENER = OVER.partition("def look")[0] + """
TIMES = (socket.SO_RCVTIMEO, socket.SO_SNDTIMEO)
for option in TIMES:
    server.setsockopt(socket.SOL_SOCKET, option, struct.pack('ll', 3, 0))
server.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, 5)
for waits in (False, True):
    c = socket.socket()
    if waits:
        threading.Timer(0.1, c.connect, (name,)).start()
    else:
        c.connect(name)
    d = server.accept()[0]
    print([struct.unpack('ll', d.getsockopt(socket.SOL_SOCKET, option, 16)) for option in TIMES],
          d.getsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT))
c = socket.create_connection(name)
c.settimeout(3)
server.shutdown(socket.SHUT_RD)
print(told(c.recv, 1), told(socket.socket().connect, name), told(server.accept))
print(server.listen(5))
name = server.getsockname() # the kernel picks another port
c, d, _ = pair()
print(c.send(b'x'), d.recv(1), select.select([server], [], [], 0)[0])
"""


def a_listener_hands_on_its_time_limits_and_may_listen_again(lab):
    native = subprocess.run([PYTHON, "-c", LISTENER], capture_output=True, timeout=30, check=True)
    equal(lab.python(None, LISTENER), native.stdout.decode())


def while_it_listens_nobody_else_takes_its_name(lab):
    out = lab.python(None, IMPORTS + """
passive = socket.create_server(('127.0.0.1', 80))
for reuse in (0, 1):
    other = socket.socket()
    other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, reuse)
    try:
        other.bind(('127.0.0.1', 80))
        other.listen()
        print('allowed')
    except OSError as error:
        print(errno.errorcode[error.errno])
""")
    equal(out, "EADDRINUSE\nEADDRINUSE\n")


def a_name_is_free_as_soon_as_its_socket_is_closed(lab):
    out = lab.python(None, IMPORTS + """
name = ('127.0.0.1', 80)
for listening in (False, True):
    first = socket.socket()
    first.bind(name)
    if listening:
        first.listen()
    first.close()
    print(errno.errorcode.get(socket.socket().connect_ex(name)))
    second = socket.socket()
    second.bind(name)
    second.close()
""")
    equal(out, "ECONNREFUSED\nECONNREFUSED\n")


def reuseport_lets_several_share_a_name(lab):
    out = lab.python(None, IMPORTS + """
group = []
for _ in range(3):
    s = socket.socket()
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    s.bind(('127.0.0.1', 80))
    s.listen(64)
    s.setblocking(False)
    group.append(s)
clients = [socket.create_connection(('127.0.0.1', 80)) for _ in range(48)]
counts = []
for s in group:
    n = 0
    while select.select([s], [], [], 0.1)[0]:
        s.accept()
        n += 1
    counts.append(n)
print(sum(counts), min(counts) > 0)
""")
    equal(out, "48 True\n")


def thousands_share_one_local_name_and_are_told_apart_by_four_tuple(lab):
    out = lab.python(None, IMPORTS + """
passive = socket.create_server(('127.0.0.1', 80), backlog=64)
names = set()
keep = []
for i in range(500):
    client = socket.create_connection(('127.0.0.1', 80))
    active, peer = passive.accept()
    assert peer == client.getsockname() and active.getsockname() == ('127.0.0.1', 80)
    assert active.getpeername() == peer
    names.add(peer)
    client.sendall(b'%d' % i)
    keep.append((client, active, i))
print(len(names), all(active.recv(10) == b'%d' % i for _, active, i in keep))
""")
    equal(out, "500 True\n")


def a_specific_address_comes_before_the_wildcard(lab):
    out = lab.python("10.7.0.1/24", IMPORTS + """
def passive(address):
    s = socket.socket()
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    s.bind((address, 80))
    s.listen()
    return s
wildcard, specific = passive('0.0.0.0'), passive('10.7.0.1')
for address in ('10.7.0.1', '127.0.0.1', '10.7.0.1'):
    client = socket.create_connection((address, 80))
    served = select.select([s for s in (wildcard, specific) if s.fileno() >= 0], [], [], 5)[0]
    print(['wildcard' if s is wildcard else 'specific' for s in served])
    served[0].accept()
    if address == '127.0.0.1':
        specific.close()
""")
    equal(out, "['specific']\n['wildcard']\n['wildcard']\n")


def each_segment_is_counted_as_for_an_active_a_passive_or_no_socket(lab):
    lab.host("10.7.0.1/24", PYTHON, "-c", IMPORTS + """
passive = socket.create_server(('', 80))
active = passive.accept()[0]
while active.recv(1000):
    pass
active.close()
signal.pause()
""", options=["--name", "verdicts"])

    def count(verdict):
        text = lab.ss("--counters", "-a", "--json", "verdicts")
        return json.loads(text)["counters"][verdict] if text else -1

    wait_for(lambda: ":80" in lab.ss("-ltH", "verdicts"), "a passive socket")
    before = [count("rx_" + v) for v in ("active", "passive", "no_socket")]
    lab.python("10.7.0.2/24", IMPORTS + """
s = socket.create_connection(('10.7.0.1', 80))
s.sendall(b'some')
s.close()
for _ in range(3):
    assert socket.socket().connect_ex(('10.7.0.1', 81)) == errno.ECONNREFUSED
""")
    after = [count("rx_" + v) for v in ("active", "passive", "no_socket")]
    equal(before, [0, 0, 0])
    check(after[0] >= 2 and after[1] >= 1 and after[2] >= 3, after)


def ports_are_picked_from_the_ephemeral_range_and_not_in_order(lab):
    out = lab.python(None, IMPORTS + """
ports = []
for _ in range(32):
    s = socket.socket()
    s.bind(('0.0.0.0', 0))
    ports.append(s.getsockname()[1])
print(all(1024 <= p <= 65535 for p in ports), ports != sorted(ports), len(set(ports)) > 28)
""")
    equal(out, "True True True\n")


def a_half_close_ends_one_direction_only(lab):
    out = lab.python(None, IMPORTS + """
passive = socket.create_server(('127.0.0.1', 80))
client = socket.create_connection(('127.0.0.1', 80))
active, _ = passive.accept()
client.sendall(b'ask')
client.shutdown(socket.SHUT_WR)
p = select.poll()
print(active.recv(10), active.recv(10))
p.register(active, select.POLLIN | select.POLLOUT | select.POLLRDHUP)
print(p.poll(1000)[0][1] == select.POLLIN | select.POLLOUT | select.POLLRDHUP)
active.sendall(b'answer')
active.close()
print(client.recv(10), client.recv(10))
""")
    equal(out, "b'ask' b''\nTrue\nb'answer' b''\n")


def a_reset_lets_octets_that_came_before_be_read_and_then_is_told_once(lab):
    out = lab.python(None, IMPORTS + """
signal.signal(signal.SIGPIPE, signal.SIG_IGN)
passive = socket.create_server(('127.0.0.1', 80))
for talks in (True, False):
    client = socket.create_connection(('127.0.0.1', 80))
    active, _ = passive.accept()
    if talks:
        client.sendall(b'x')
        active.recv(1)
    active.sendall(b'before')
    select.select([client], [], [])
    active.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
    active.close()
    p = select.poll()
    p.register(client, 0)
    p.poll(2000)
    print(client.recv(10))
    for attempt in (lambda: client.recv(10), lambda: client.recv(10), lambda: client.send(b'x')):
        try:
            print(attempt())
        except OSError as error:
            print(errno.errorcode[error.errno])
""")
    equal(out, "b'before'\nECONNRESET\nb''\nEPIPE\n" * 2)


def closing_with_octets_unread_resets_the_peer(lab):
    out = lab.python(None, IMPORTS + """
passive = socket.create_server(('127.0.0.1', 80))
client = socket.create_connection(('127.0.0.1', 80))
active, _ = passive.accept()
client.sendall(b'never read')
select.select([active], [], [])
active.close()
try:
    print(client.recv(10))
except OSError as error:
    print(errno.errorcode[error.errno])
""")
    equal(out, "ECONNRESET\n")


def a_writer_waits_for_a_slow_reader_and_loses_nothing(lab):
    out = lab.python(None, IMPORTS + """
import hashlib
data = os.urandom(8_000_000)
passive = socket.create_server(('127.0.0.1', 80))
client = socket.create_connection(('127.0.0.1', 80))
active, _ = passive.accept()
threading.Thread(target=lambda: (client.sendall(data), client.close())).start()
time.sleep(0.3)
got = hashlib.sha256()
n = 0
while piece := active.recv(10_000):
    got.update(piece)
    n += 1
    if n % 100 == 0:
        time.sleep(0.005)
print(got.digest() == hashlib.sha256(data).digest())
""")
    equal(out, "True\n")


def sendfile_moves_a_file_whole_in_both_roles(lab):
    # The octet that is kept unread holds all of its piece, and sendfile's are 64 KiB.
    lab.file("file", 6_000_000)
    out = lab.python(None, IMPORTS + """
import hashlib
digest = hashlib.sha256(open('file', 'rb').read()).digest()
passive = socket.create_server(('127.0.0.1', 80))
def send(s):
    s.setblocking(False)
    with open('file', 'rb') as file:
        at = 0
        while at < 6_000_000:
            select.select([], [s], [])
            at += os.sendfile(s.fileno(), file.fileno(), at, 1 << 20)
    s.close()
for accepted_sends in (True, False):
    client = socket.create_connection(('127.0.0.1', 80))
    active, _ = passive.accept()
    sender, receiver = (active, client) if accepted_sends else (client, active)
    threading.Thread(target=send, args=(sender,)).start()
    got = hashlib.sha256()
    while piece := receiver.recv(65536):
        got.update(piece)
    print(got.digest() == digest)
""")
    equal(out, "True\nTrue\n")


def an_urgent_octet_keeps_its_place_in_the_stream(lab):
    out = lab.python(None, IMPORTS + """
passive = socket.create_server(('127.0.0.1', 80))
client = socket.create_connection(('127.0.0.1', 80))
active, _ = passive.accept()
client.sendall(b'before')
client.send(b'!', socket.MSG_OOB)
client.sendall(b'after')
client.close()
data = b''
while piece := active.recv(100):
    data += piece
print(data)
""")
    equal(out, "b'before!after'\n")


def ss_counts_the_octets_that_wait_between_program_and_stack(lab):
    host = lab.host(None, PYTHON, "-c", """
import socket
passive = socket.create_server(('127.0.0.1', 80))
client = socket.create_connection(('127.0.0.1', 80))
active, _ = passive.accept()
client.sendall(b'12345')
late = socket.create_connection(('127.0.0.1', 80))
blocked = socket.create_connection(('127.0.0.1', 80))
full, _ = passive.accept(), passive.accept()
blocked.setblocking(False)
sent = 0
try:
    while True:
        sent += blocked.send(bytes(100000))
except BlockingIOError:
    pass
datagrams = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
datagrams.bind(('127.0.0.1', 53))
datagrams.sendto(b'question', datagrams.getsockname())
socket.create_connection(('127.0.0.1', 80)).close()
waits = socket.create_connection(('127.0.0.1', 80))
print(client.getsockname()[1], blocked.getsockname()[1], sent, flush=True)
input()
""", options=["--name", "queues"], stdin=subprocess.PIPE)
    client, blocked, sent = host.stdout.readline().decode().split()

    def queues(*args):
        found = {}
        for line in lab.ss("-H", *args, "queues").splitlines():
            words = line.split()
            found[words[4].split(":")[1] + ">" + words[5].split(":")[1]] = words[2:4]
        return found
    wait_for(lambda: queues("-t").get("80>" + client) == ["5", "0"], "5 octets are unread")

    def all_told():
        tcp = queues("-t")
        return int(tcp[blocked + ">80"][1]) + int(tcp["80>" + blocked][0]) == int(sent)
    wait_for(all_told, "all octets are told")
    check(int(queues("-ua")["53>*"][0]) > 8)
    equal(queues("-tl")["80>*"][0], "2")
    finish(host, 10, b"\n")


def options_answer_as_linux_answers(lab):
    out = lab.python(None, IMPORTS + """
s = socket.socket()
print(s.getsockopt(socket.SOL_SOCKET, socket.SO_TYPE), s.getsockopt(socket.SOL_SOCKET, 39),
      s.getsockopt(socket.SOL_SOCKET, 38), s.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN))
for level, name, value in ((socket.IPPROTO_TCP, socket.TCP_NODELAY, 1),
                           (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
                           (socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 30),
                           (socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)):
    s.setsockopt(level, name, value)
    print(s.getsockopt(level, name))
for level, name in ((socket.IPPROTO_TCP, 250), (socket.SOL_SOCKET, 250), (200, 1)):
    for attempt in (lambda: s.setsockopt(level, name, 1), lambda: s.getsockopt(level, name)):
        try:
            attempt()
            print('known')
        except OSError as error:
            print(errno.errorcode[error.errno])
s.settimeout(0.1)
s.bind(('127.0.0.1', 0))
s.listen()
try:
    s.accept()
except TimeoutError:
    print('timed out')
print(s.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN))
""")
    lines = out.split("\n")
    equal(lines[:5], ["1 2 6 0", "1", "1", "30", "1"])
    check(set(lines[5:11]) <= {"ENOPROTOOPT", "ENOTSUP", "EOPNOTSUPP"}, out)
    equal(lines[11:13], ["timed out", "1"])


def a_connection_that_was_reset_goes_on_taking_options(lab):
    out = lab.python(None, IMPORTS + """
passive = socket.create_server(('127.0.0.1', 80))
client = socket.create_connection(('127.0.0.1', 80))
active, _ = passive.accept()
client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
client.close()
def answer(attempt):
    try:
        return attempt()
    except OSError as error:
        return errno.errorcode[error.errno]
poll = select.poll()
poll.register(active, select.POLLIN)
poll.poll(5000)
print(answer(lambda: active.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)),
      answer(lambda: active.recv(1)))
print(answer(lambda: active.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)),
      answer(lambda: active.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)),
      answer(lambda: active.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) in (0, 1)),
      answer(lambda: active.setsockopt(socket.IPPROTO_TCP, 250, 1)),
      answer(lambda: active.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 0)),
      answer(lambda: active.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)),
      answer(lambda: active.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)))
""")
    equal(out, "None ECONNRESET\nNone None True ENOPROTOOPT EINVAL 0 b'\\x07'\n")


def accept_waits_times_out_and_ends_at_shutdown(lab):
    out = lab.python(None, IMPORTS + """
passive = socket.create_server(('127.0.0.1', 80))
passive.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack('ll', 0, 200_000))
def accept():
    try:
        return passive.accept()[1] is not None
    except OSError as error:
        return errno.errorcode[error.errno]
began = time.monotonic()
print(accept(), 0.15 < time.monotonic() - began < 1)
passive.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack('ll', 0, 0))
threading.Timer(0.2, lambda: socket.create_connection(('127.0.0.1', 80))).start()
print(accept())
threading.Timer(0.2, lambda: passive.shutdown(socket.SHUT_RDWR)).start()
print(accept())
""")
    equal(out, "EAGAIN True\nTrue\nEINVAL\n")


def workers_that_share_a_passive_socket_are_served_in_turn(lab):
    out = lab.python(None, IMPORTS + """
passive = socket.create_server(('127.0.0.1', 80), backlog=64)
r, w = os.pipe()
workers = []
for worker in range(3):
    workers.append(os.fork())
    if workers[-1] == 0:
        while True:
            active, _ = passive.accept()
            os.write(w, b'%d' % worker)
            active.close()
time.sleep(0.3)
for _ in range(60):
    c = socket.create_connection(('127.0.0.1', 80))
    c.recv(1)
seen = b''
while len(seen) < 60:
    seen += os.read(r, 100)
print(all(seen.count(b'%d' % worker) >= 10 for worker in range(3)))
for pid in workers:
    os.kill(pid, signal.SIGKILL)
""")
    equal(out, "True\n")


def getifaddrs_and_ioctl_tell_the_stacks_interface(lab):
    out = lab.python("10.7.0.2/24", IMPORTS + """
s = socket.socket()
name = [n for _, n in socket.if_nameindex() if n != 'lo'][0]
req = fcntl.ioctl(s, 0x8915, struct.pack('256s', name.encode()))
print(socket.inet_ntoa(req[20:24]), len(socket.if_nameindex()))
print(socket.gethostname(), socket.gethostbyname(socket.gethostname()))
""", options=["--name", "bob"])
    equal(out, "10.7.0.2 2\nbob 10.7.0.2\n")


def whoever_tells_of_the_interface_tells_the_same(lab):
    need("ip")
    out = lab.python("10.7.0.2/24", IMPORTS + """
index, name = [i for i in socket.if_nameindex() if i[1] != 'lo'][0]
s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
mac = fcntl.ioctl(s, 0x8927, struct.pack('256s', name.encode()))[18:24].hex(':')
print(sorted(os.listdir('/sys/class/net')) == sorted(n for _, n in socket.if_nameindex()))
print(open('/sys/class/net/%s/address' % name).read().strip() == mac)
print(open('/sys/class/net/%s/ifindex' % name).read().strip() == str(index))
shown = [line.split() for line in open('/proc/net/if_inet6')]
shown = [socket.inet_ntop(socket.AF_INET6, bytes.fromhex(w[0])) for w in shown if w[5] == name]
print(len(shown), shown[0][:6])
s.connect(('fe80::1', 1, 0, index))
print(s.getsockname()[0].split('%')[0] == shown[0])
import subprocess
print('NO-CARRIER' in subprocess.run(['ip', 'link'], capture_output=True, text=True).stdout)
""")
    equal(out, "True\nTrue\nTrue\n1 fe80::\nTrue\nFalse\n")


def nothing_reaches_the_kernels_own_network(lab):
    import socket as kernel
    with kernel.create_server(("127.0.0.1", 0)) as passive:
        port = passive.getsockname()[1]
        out = lab.python(None, IMPORTS + f"print(socket.socket().connect_ex(('127.0.0.1', {port})))")
        equal(out, "111\n")
        passive.settimeout(0)
        try:
            passive.accept()
            check(False, "the kernel's own listener was reached")
        except BlockingIOError:
            pass


def families_that_reach_past_the_stack_do_not_exist(lab):
    out = lab.python(None, IMPORTS + """
# AF_PACKET, AF_RDS, AF_CAN, AF_TIPC, AF_BLUETOOTH, AF_ALG, AF_VSOCK, AF_XDP; as privileged as here.
for family in (17, 21, 29, 30, 31, 38, 40, 44):
    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM, socket.SOCK_RAW, socket.SOCK_SEQPACKET):
        try:
            socket.socket(family, kind).close()
            print('allowed', family, kind)
        except OSError as error:
            if error.errno != errno.EAFNOSUPPORT:
                print(family, kind, error)
socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0).close()
[s.close() for s in socket.socketpair()]
try:
    socket.socketpair(socket.AF_INET)
except OSError as error:
    print(errno.errorcode[error.errno])
""")
    equal(out, "ENOTSUP\n")


def a_thousand_connections_at_once_keep_all_octets(lab):
    server = """
import asyncio
async def echo(reader, writer):
    while piece := await reader.read(65536):
        writer.write(piece)
        await writer.drain()
    writer.close()
async def main():
    server = await asyncio.start_server(echo, '10.7.0.1', 80, backlog=2000)
    print('ready', flush=True)
    await server.serve_forever()
asyncio.run(main())
"""
    client = """
import asyncio, os
async def one(ready):
    reader, writer = await asyncio.open_connection('10.7.0.1', 80)
    ready.append(1)
    while len(ready) < 1000:
        await asyncio.sleep(0.01)
    data = os.urandom(20000)
    writer.write(data)
    writer.write_eof()
    assert await reader.read(-1) == data
    writer.close()
async def main():
    ready = []
    await asyncio.gather(*[one(ready) for _ in range(1000)])
    print('intact')
asyncio.run(main())
"""
    host = lab.host("10.7.0.1/24", PYTHON, "-c", server)
    equal(host.stdout.readline(), b"ready\n")
    equal(lab.python("10.7.0.2/24", client, timeout=60), "intact\n")


if __name__ == "__main__":
    sys.exit(main(a_passive_socket_refuses_octets, a_name_means_nothing_on_a_stream,
                  a_conversation_that_is_over_has_no_peer, what_is_over_for_long_still_answers,
                  a_listener_hands_on_its_time_limits_and_may_listen_again,
                  while_it_listens_nobody_else_takes_its_name,
                  a_name_is_free_as_soon_as_its_socket_is_closed,
                  reuseport_lets_several_share_a_name,
                  thousands_share_one_local_name_and_are_told_apart_by_four_tuple,
                  a_specific_address_comes_before_the_wildcard,
                  each_segment_is_counted_as_for_an_active_a_passive_or_no_socket,
                  ports_are_picked_from_the_ephemeral_range_and_not_in_order,
                  a_half_close_ends_one_direction_only,
                  a_reset_lets_octets_that_came_before_be_read_and_then_is_told_once,
                  closing_with_octets_unread_resets_the_peer,
                  a_writer_waits_for_a_slow_reader_and_loses_nothing,
                  sendfile_moves_a_file_whole_in_both_roles,
                  an_urgent_octet_keeps_its_place_in_the_stream,
                  ss_counts_the_octets_that_wait_between_program_and_stack,
                  options_answer_as_linux_answers,
                  a_connection_that_was_reset_goes_on_taking_options, accept_waits_times_out_and_ends_at_shutdown,
                  workers_that_share_a_passive_socket_are_served_in_turn,
                  getifaddrs_and_ioctl_tell_the_stacks_interface,
                  whoever_tells_of_the_interface_tells_the_same,
                  nothing_reaches_the_kernels_own_network,
                  families_that_reach_past_the_stack_do_not_exist,
                  a_thousand_connections_at_once_keep_all_octets))
