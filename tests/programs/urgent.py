#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Urgent octets of unmodified programs: they keep their place in the stream, whatever is done."""
# timeout: 240
import sys

from programs import equal, main

PAIR = """
import errno, fcntl, os, select, signal, socket, struct, sys, termios, threading, time
OOB = socket.MSG_OOB
passive = socket.create_server(('127.0.0.1', 80))
def pair():
    client = socket.create_connection(('127.0.0.1', 80))
    active, _ = passive.accept()
    return client, active
def rest(s, size=100, pause=0):
    data = b''
    while piece := s.recv(size):
        data += piece
        time.sleep(pause)
    return data
def why(attempt):
    try:
        return attempt()
    except OSError as error:
        return errno.errorcode[error.errno]
def soon(condition):
    until = time.monotonic() + 5
    while not condition() and time.monotonic() < until:
        time.sleep(0.01)
    return condition()
def wait_urgent(s):
    p = select.poll()
    p.register(s, select.POLLPRI)
    return [bits for _, bits in p.poll(5000)]
def at_mark(s):
    return struct.unpack('i', fcntl.ioctl(s, 0x8905, b'\\0' * 4))[0]
"""

# What is sent, as (octets, urgent); what must arrive is all of it.
VARIANTS = """
VARIANTS = [
    [(b'before', 0), (b'!', 1), (b'after', 0)],
    [(b'!', 1), (b'after', 0)],
    [(b'before', 0), (b'!', 1)],
    [(b'!', 1)],
    [(b'one', 0), (b'!', 1), (b'two', 0), (b'?', 1), (b'three', 0)],
    [(b'!', 1), (b'?', 1), (b'after', 0)],
    [(b'before', 0), (b'many and the last is urgent!', 1), (b'after', 0)],
    [(b'x' * 300000, 0), (b'!', 1), (b'y' * 300000, 0), (b'?', 1)],
]
"""


def no_octet_is_lost_or_doubled_however_they_are_sent_and_read(lab):
    out = lab.python(None, PAIR + VARIANTS + """
def send(s, parts, pause):
    for octets, urgent in parts:
        s.sendall(octets, OOB if urgent else 0)
        time.sleep(pause)
    s.close()
for number, parts in enumerate(VARIANTS):
    for times, pause, size, slow in ((25, 0, 100, 0), (2, 0.02, 100, 0), (2, 0, 100000, 0.02),
                                     (1, 0, 1, 0)):
        if len(parts[0][0]) > 1000:
            times, size = 1, max(size, 5000)
        for turn in range(times):
            for accepted_sends in (False, True):
                client, active = pair()
                sender, receiver = (active, client) if accepted_sends else (client, active)
                thread = threading.Thread(target=send, args=(sender, parts, pause))
                thread.start()
                got = rest(receiver, size, slow)
                thread.join()
                receiver.close()
                if got != b''.join(octets for octets, _ in parts):
                    print(number, times, turn, len(got), got[:80])
print('done')
""", timeout=100)
    equal(out, "done\n")


def records_go_in_segments_of_their_own(lab):
    out = lab.python(None, PAIR + """
client, active = pair()
client.sendall(b'w' * 100)
for i in range(20):
    client.send(b'r' * 50, socket.MSG_EOR)
client.sendmsg([b'r' * 20, b'r' * 30], [], socket.MSG_EOR)
client.sendall(b'w' * 100)
client.shutdown(socket.SHUT_WR)
print(rest(active) == b'w' * 100 + b'r' * 1050 + b'w' * 100)
info = client.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 280)
print(struct.unpack_from('I', info, 156)[0] >= 22)
""")
    equal(out, "True\nTrue\n")


def the_urgent_octet_is_announced_and_read_once_as_a_copy(lab):
    out = lab.python(None, PAIR + """
client, active = pair()
print(why(lambda: active.recv(1, OOB)))
signals = []
signal.signal(signal.SIGURG, lambda *_: signals.append(1))
fcntl.fcntl(active, fcntl.F_SETOWN, os.getpid())
client.sendall(b'before')
print(client.send(b'!', OOB), wait_urgent(active) == [select.POLLPRI], soon(lambda: len(signals)))
client.sendall(b'after')
print(active.recv(1, OOB | socket.MSG_PEEK), active.recv(1, OOB), why(lambda: active.recv(1, OOB)))
# A read stops at the mark, and begins with the octet.
print(at_mark(active), active.recv(100), at_mark(active))
print(soon(lambda: active.recv(100, socket.MSG_PEEK) == b'!after'), active.recv(100))
print(at_mark(active), why(lambda: active.recv(1, OOB)))
p = select.poll()
p.register(active, select.POLLPRI | select.POLLIN)
print(p.poll(0))
# Read in its place, it is no longer to be had as a copy.
client.send(b'?', OOB)
wait_urgent(active)
print(active.recv(100), why(lambda: active.recv(1, OOB)))
# Of two, the copy is of the later one.
client.send(b'1', OOB)
client.send(b'2', OOB)
time.sleep(0.3)
print(active.recv(1, OOB), active.recv(1), active.recv(1))
# With SO_OOBINLINE there is no copy.
active.setsockopt(socket.SOL_SOCKET, socket.SO_OOBINLINE, 1)
client.send(b'3', OOB)
print(wait_urgent(active) == [select.POLLPRI], why(lambda: active.recv(1, OOB)), active.recv(9))
""")
    equal(out, "EINVAL\n1 True 1\nb'!' b'!' EINVAL\n0 b'before' 1\nTrue b'!after'\n0 EINVAL\n[]\n"
          "b'?' EINVAL\nb'2' b'1' b'2'\nTrue EINVAL b'3'\n")


def sendmsg_and_recvmsg_carry_urgent_octets(lab):
    out = lab.python(None, PAIR + """
client, active = pair()
print(client.sendmsg([b'bef', b'', b'ore', b'!'], [], OOB), client.sendmsg([b'after']))
wait_urgent(active)
data, control, flags, name = active.recvmsg(5, 100, OOB)
print(data, control, flags & OOB == OOB, name)
client.close()
print(rest(active))
""")
    equal(out, "7 5\nb'!' [] True None\nb'before!after'\n")


def a_blocking_send_of_urgent_octets_waits_for_room(lab):
    out = lab.python(None, PAIR + """
client, active = pair()
data = bytes(range(251)) * 20000
def send():
    print(client.send(data, OOB) == len(data))
    client.sendall(b'end')
    client.close()
thread = threading.Thread(target=send)
thread.start()
time.sleep(0.5)
print(thread.is_alive(), rest(active, 100000) == data + b'end')
thread.join()
client, active = pair()
client.setblocking(False)
sent = 0
while (n := why(lambda: client.send(data, OOB))) != 'EAGAIN':
    sent += n
client.close()
print(len(rest(active, 100000)) == sent)
""")
    equal(out.split(), ["True"] * 4)


def a_send_of_urgent_octets_before_the_connect_is_done_waits_as_long_as_it_may(lab):
    out = lab.python("10.7.0.2/24", PAIR.replace("127.0.0.1", "10.7.0.2") + """
s = socket.socket()
s.setblocking(False)
print(why(lambda: s.connect(('10.7.0.9', 80))), why(lambda: s.send(b'!', OOB)))
s.setblocking(True)
s.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack('ll', 0, 200_000))
began = time.monotonic()
print(why(lambda: s.send(b'!', OOB)), time.monotonic() - began > 0.15)
s.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack('ll', 0, 0))
print(why(lambda: s.send(b'!', OOB)))
""")
    equal(out, "EINPROGRESS EAGAIN\nEAGAIN True\nEHOSTUNREACH\n")


def urgent_octets_after_the_end_are_epipe(lab):
    out = lab.python(None, PAIR + """
signals = []
signal.signal(signal.SIGPIPE, lambda *_: signals.append(1))
client, active = pair()
client.shutdown(socket.SHUT_WR)
print(why(lambda: client.send(b'!', OOB)), soon(lambda: len(signals)))
one, two = socket.socketpair()
one.send(b'!', OOB)
print(two.recv(1, OOB))
print(why(lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM).send(b'!', OOB)))
""")
    equal(out, "EPIPE 1\nb'!'\nENOTSUP\n")


if __name__ == "__main__":
    sys.exit(main(no_octet_is_lost_or_doubled_however_they_are_sent_and_read,
                  records_go_in_segments_of_their_own,
                  the_urgent_octet_is_announced_and_read_once_as_a_copy,
                  sendmsg_and_recvmsg_carry_urgent_octets,
                  a_blocking_send_of_urgent_octets_waits_for_room,
                  a_send_of_urgent_octets_before_the_connect_is_done_waits_as_long_as_it_may,
                  urgent_octets_after_the_end_are_epipe))
