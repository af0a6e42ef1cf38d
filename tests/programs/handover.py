#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""An active socket handed to programs that know only files."""
# timeout: 180
import hashlib
import os
import sys

from programs import PYTHON, Skip, check, equal, main, need

# Accepts one connection and makes it the standard input of a program.
ACCEPT_AND_EXEC = """
import os, socket, sys
passive = socket.create_server(('10.7.0.1', 80))
print('ready', flush=True)
active, _ = passive.accept()
if os.fork() == 0:
    os.dup2(active.fileno(), 0)
    os.execvp(sys.argv[1], sys.argv[1:])
active.close()
os.wait()
"""

SEND_FILE = """
import socket, sys
active = socket.create_connection(('10.7.0.1', 80))
active.sendall(open(sys.argv[1], 'rb').read())
active.shutdown(socket.SHUT_WR)
while active.recv(65536):
    pass
"""

SCM_RIGHTS = """
import hashlib, os, socket
passive = socket.create_server(('127.0.0.1', 80))
local = socket.socket(socket.AF_UNIX)
local.bind('unrelated')
local.listen()
if os.fork() == 0:
    if os.fork() != 0:
        os._exit(0)
    os.setsid()
    passive.close()
    other = socket.socket(socket.AF_UNIX)
    other.connect('unrelated')
    first, fds, _, _ = socket.recv_fds(other, 2000, 1)
    active = socket.socket(fileno=fds[0])
    data = first
    while piece := active.recv(65536):
        data += piece
    print(active.getpeername()[0], hashlib.sha256(data).hexdigest(), flush=True)
    os._exit(0)
os.wait()
receiver, _ = local.accept()
if os.fork() == 0:
    active = socket.create_connection(('127.0.0.1', 80))
    active.sendall(open('file', 'rb').read())
    os._exit(0)
active, _ = passive.accept()
socket.send_fds(receiver, [active.recv(1000)], [active.fileno()])
"""

GO = """
package main

import (
	"crypto/sha256"
	"fmt"
	"io"
	"net"
	"os"
)

func main() {
	passive, err := net.Listen("tcp", "127.0.0.1:80")
	if err != nil {
		panic(err)
	}
	go func() {
		active, err := net.Dial("tcp", "127.0.0.1:80")
		if err != nil {
			panic(err)
		}
		data, _ := os.ReadFile("file")
		active.Write(data)
		active.Close()
	}()
	active, err := passive.Accept()
	if err != nil {
		panic(err)
	}
	sum := sha256.New()
	io.Copy(sum, active)
	fmt.Printf("%x\\n", sum.Sum(nil))
}
"""


def hand_to(lab, *command):
    """Returns what the command printed that got the socket as its standard input."""
    lab.file("file", 1_000_000)
    server = lab.host("10.7.0.1/24", PYTHON, "-c", ACCEPT_AND_EXEC, *command)
    equal(server.stdout.readline(), b"ready\n")
    lab.python("10.7.0.2/24", SEND_FILE, "file")
    out, err = server.communicate(timeout=20)
    equal(server.returncode, 0, err)
    return out.decode().split()[0]


def digest(lab):
    return hashlib.sha256((lab.folder / "file").read_bytes()).hexdigest()


def a_forked_wc_counts_what_its_standard_input_the_socket_brings(lab):
    equal(hand_to(lab, "wc", "-c"), "1000000")


def a_forked_sha256sum_reads_the_socket_as_a_file(lab):
    equal(hand_to(lab, "sha256sum"), digest(lab))


def through_socat(lab, address, reply_wanted):
    need("socat", "nc")
    lab.file("file", 300_000)
    script = (f"socat TCP-LISTEN:80,fork,reuseaddr {address} & server=$!\n"
              "for i in 1 2 3 4 5 6 7 8 9; do nc -z 127.0.0.1 80 && break; sleep 0.1; done\n"
              "nc -N 127.0.0.1 80 < file > reply\n"
              "kill $server\n")
    status, out, err = lab.run(None, "sh", "-c", script)
    check((lab.folder / "reply").read_bytes() == reply_wanted(lab), f"{status} {out} {err}")


def socat_execs_wc_on_the_socket_itself(lab):
    through_socat(lab, "EXEC:'wc -c',nofork", lambda lab: b"300000\n")


def socat_pipes_the_socket_through_cat(lab):
    through_socat(lab, "EXEC:cat", lambda lab: (lab.folder / "file").read_bytes())


def an_unrelated_process_goes_on_with_a_socket_sent_by_scm_rights(lab):
    lab.file("file", 1_000_000)
    out = lab.python(None, SCM_RIGHTS)
    equal(out.split(), ["127.0.0.1", digest(lab)])


def a_static_go_program_talks(lab):
    need("go")
    if lab.user is not None:
        return # the toolchain has been shown to work once; its cache belongs to the caller
    lab.file("file", 1_000_000)
    (lab.folder / "main.go").write_text(GO)
    env = dict(os.environ, CGO_ENABLED="0", GOCACHE=str(lab.folder / "cache"), GO111MODULE="off",
               GOFLAGS="")
    lab.env.update(env)
    child = lab.popen(["go", "build", "-o", "static", "main.go"])
    _, err = child.communicate(timeout=100)
    if child.returncode != 0:
        raise Skip("go cannot build here: " + err.decode().strip().split("\n")[-1])
    status, out, err = lab.run(None, "./static")
    equal((status, out.strip()), (0, digest(lab)), err)


if __name__ == "__main__":
    sys.exit(main(a_forked_wc_counts_what_its_standard_input_the_socket_brings,
                  a_forked_sha256sum_reads_the_socket_as_a_file,
                  socat_execs_wc_on_the_socket_itself, socat_pipes_the_socket_through_cat,
                  an_unrelated_process_goes_on_with_a_socket_sent_by_scm_rights,
                  a_static_go_program_talks))
