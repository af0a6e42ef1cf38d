#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Unmodified programs that sign their TCP (MD5, TCP-AO) by Linux's options, as BGP daemons do."""
# timeout: 120
import sys

from programs import PYTHON, Skip, check, equal, finish, main

KEYS = """
import ctypes, errno, os, socket, struct, sys
libc = ctypes.CDLL(None, use_errno=True)
def addr4(a):
    return struct.pack('=HH4s120x', socket.AF_INET, 0, socket.inet_aton(a))
def md5sig(peer, key, flags=0, prefix=0):
    return addr4(peer) + struct.pack('=BBHi80s', flags, prefix, len(key), 0, key)
def ao_add(net, prefix, key, send, recv, alg=b'hmac(sha1)', flags=0):
    return addr4(net) + struct.pack('=64siIHBBBBBB80s', alg, 0, flags, 0, prefix, send, recv, 12, 0,
                                    len(key), key)
# What is asked for stands in the room for the answer, which socket.getsockopt() leaves as it was.
def get(s, name, value, size):
    if libc.getsockopt(s.fileno(), 6, name, value, ctypes.byref(ctypes.c_uint32(size))):
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return value
def info(s):
    return struct.unpack('=IHBB5Q', get(s, 40, ctypes.create_string_buffer(48), 48).raw)
def why(attempt):
    try:
        return attempt()
    except OSError as error:
        return errno.errorcode[error.errno]
"""


def need_libcrypto(lab):
    """A build without libcrypto knows none of the options, as a kernel without them."""
    out = lab.python(None, KEYS + "s = socket.socket()\n"
                     "print(why(lambda: s.setsockopt(6, 14, md5sig('10.7.0.2', b'k'))))\n")
    if out.strip() == "ENOPROTOOPT":
        raise Skip("built without libcrypto")


SERVER = KEYS + """
s = socket.socket()
%s
s.bind(('0.0.0.0', 179))
s.listen()
print('ready', flush=True)
c, _ = s.accept()
data = b''
while piece := c.recv(65536):
    data += piece
c.sendall(b'%%d' %% len(data))
%s
c.close()
"""

CLIENT = KEYS + """
s = socket.socket()
s.settimeout(%s)
%s
try:
    s.connect(('10.7.0.1', 179))
    s.sendall(bytes(300000))
    %s
    s.shutdown(socket.SHUT_WR)
    print(s.recv(100).decode())
except TimeoutError:
    print('silence')
"""


def talk(lab, server_keys, client_keys, at_the_end="", timeout=15, options=()):
    server = lab.host("10.7.0.1/24", PYTHON, "-c", SERVER % (server_keys, at_the_end),
                      options=["--record", "server.rec"])
    equal(server.stdout.readline(), b"ready\n")
    out = lab.python("10.7.0.2/24", CLIENT % (timeout, client_keys, at_the_end), options=options)
    return server, out


def replays(lab, name):
    child = lab.popen([lab.program, "replay", name])
    out, err = finish(child, 60)
    equal(child.returncode, 0, out + err)


def md5_signs_both_ways_and_replays(lab):
    need_libcrypto(lab)
    server, out = talk(lab, "s.setsockopt(6, 32, md5sig('10.7.0.0', b'secret', 1, 24))",
                       "s.setsockopt(6, 14, md5sig('10.7.0.1', b'secret'))",
                       options=["--record", "client.rec", "--link", "loss=1%,seed=5"])
    equal(out, "300000\n")
    finish(server, 20)
    replays(lab, "client.rec")
    replays(lab, "server.rec")


def without_the_key_there_is_silence(lab):
    need_libcrypto(lab)
    server, out = talk(lab, "s.setsockopt(6, 14, md5sig('10.7.0.2', b'secret'))", "", timeout=1.5)
    equal(out, "silence\n")
    out = lab.python("10.7.0.2/24",
                     CLIENT % (1.5, "s.setsockopt(6, 14, md5sig('10.7.0.1', b'guess'))", ""))
    equal(out, "silence\n")
    check(server.poll() is None, "the server has seen nobody")


def ao_signs_and_tells_of_its_keys(lab):
    need_libcrypto(lab)
    tell = """i = info(s if 'c' not in globals() else c); print('signed', *i[:4], i[4] > 0, *i[5:])"""
    server, out = talk(lab, "s.setsockopt(6, 38, ao_add('10.7.0.0', 24, b'secret', 5, 6))",
                       "s.setsockopt(6, 38, ao_add('10.7.0.1', 32, b'secret', 6, 5))",
                       at_the_end=tell, options=["--record", "client.rec"])
    equal(out, "signed 3 0 6 5 True 0 0 0 0\n300000\n")
    told, err = finish(server, 20)
    equal(told, "signed 3 0 5 6 True 0 0 0 0\n", err)
    replays(lab, "client.rec")
    replays(lab, "server.rec")


def aes_cmac_signs_too(lab):
    need_libcrypto(lab)
    _, out = talk(lab, "s.setsockopt(6, 38, ao_add('10.7.0.0', 24, b'k', 1, 1, b'cmac(aes128)'))",
                  "s.setsockopt(6, 38, ao_add('10.7.0.1', 32, b'k', 1, 1, b'cmac(aes128)'))")
    equal(out, "300000\n")


def options_answer_as_linux(lab):
    need_libcrypto(lab)
    out = lab.python("10.7.0.1/24", KEYS + """
s = socket.socket()
print(why(lambda: s.getsockopt(6, 14, 216)), why(lambda: info(s)),
      why(lambda: s.setsockopt(6, 14, md5sig('10.7.0.2', b''))),
      why(lambda: s.setsockopt(6, 38, ao_add('10.7.0.2', 24, b'k', 1, 1))),
      why(lambda: s.setsockopt(6, 38, ao_add('10.7.0.0', 24, b'k', 1, 1))),
      why(lambda: s.setsockopt(6, 38, ao_add('10.7.0.2', 32, b'k', 1, 2))),
      why(lambda: s.setsockopt(6, 38, ao_add('10.7.0.2', 32, b'k', 3, 4))),
      why(lambda: s.setsockopt(6, 14, md5sig('10.7.0.2', b'k'))))
keys = ctypes.create_string_buffer(304 * 3)
struct.pack_into('=IH', keys, 272, 3, 4)
get(s, 41, keys, 304)
print(struct.unpack_from('=I', keys, 272)[0], keys.raw[192:193], keys.raw[278:282],
      keys.raw[304 + 278:304 + 282], keys.raw[608 + 278:608 + 282])
""")
    equal(out, "ENOPROTOOPT ENOENT ENOENT EINVAL None EEXIST None EKEYREJECTED\n"
               "2 b'k' b'\\x03\\x04 \\x0c' b'\\x01\\x01\\x18\\x0c' b'\\x00\\x00\\x00\\x00'\n")


if __name__ == "__main__":
    sys.exit(main(md5_signs_both_ways_and_replays, without_the_key_there_is_silence,
                  ao_signs_and_tells_of_its_keys, aes_cmac_signs_too, options_answer_as_linux))
