#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""How a run ends: nothing that was sent is lost, nothing that was not sent is believed."""
# timeout: 180
import hashlib
import os
import signal
import sys
import time

from programs import PYTHON, check, equal, finish, main, need, wait_for

SINK = """
import hashlib, socket
passive = socket.create_server(('10.7.0.1', 9000))
print('ready', flush=True)
active, _ = passive.accept()
digest = hashlib.sha256()
while piece := active.recv(65536):
    digest.update(piece)
print(digest.hexdigest(), flush=True)
"""

SOURCE = """
import socket
passive = socket.create_server(('10.7.0.1', 9000))
print('ready', flush=True)
while True:
    active, _ = passive.accept()
    try:
        while True:
            active.sendall(bytes(65536))
    except OSError:
        pass
"""

# Says what it believes about the end of a stream.
BELIEVER = """
import os, socket
def believe(what): # whole, or not at all: it may be killed at any moment
    with open('believed', 'w') as file:
        file.write(what)
    os.rename('believed', 'verdict')
active = socket.create_connection(('10.7.0.1', 9000))
n = 0
try:
    while True:
        piece = active.recv(65536)
        n += len(piece)
        if n > 100000:
            open('begun', 'w').close()
        if not piece:
            believe('end of file')
            break
except OSError as error:
    believe(error.strerror)
"""


def start(lab, text):
    server = lab.host("10.7.0.1/24", PYTHON, "-c", text)
    equal(server.stdout.readline(), b"ready\n")
    return server


def a_file_piped_through_nc_arrives_whole_though_nc_exits_at_once(lab):
    need("nc")
    file = lab.file("file", 1_000_000)
    server = start(lab, SINK)
    with file.open("rb") as stdin:
        client = lab.host("10.7.0.2/24", "nc", "-N", "10.7.0.1", "9000", stdin=stdin,
                          options=["--link", "delay=20ms,rate=40mbit,queue=4m"])
        finish(client, 30)
    equal(client.returncode, 0)
    out, err = finish(server, 10)
    equal(out.strip(), hashlib.sha256(file.read_bytes()).hexdigest(), err)


def octets_queued_by_a_program_that_has_gone_still_arrive(lab):
    server = start(lab, SINK)
    lab.python("10.7.0.2/24", "import os, socket\n"
               "s = socket.create_connection(('10.7.0.1', 9000))\n"
               "s.send(b'x' * 100000)\n"
               "os._exit(0)", options=["--link", "delay=50ms"])
    out, err = finish(server, 10)
    equal(out.strip(), hashlib.sha256(b"x" * 100000).hexdigest(), err)


def a_killed_supervisor_leaves_no_program_that_believes_it_has_everything(lab):
    start(lab, SOURCE)
    verdict, begun = lab.folder / "verdict", lab.folder / "begun"
    for _ in range(8):
        for path in (verdict, begun):
            path.unlink(missing_ok=True)
        client = lab.host("10.7.0.2/24", PYTHON, "-c", BELIEVER)
        wait_for(begun.exists, "the download begins")
        client.send_signal(signal.SIGKILL)
        client.wait()
        time.sleep(0.1)
        if verdict.exists():
            equal(verdict.read_text(), "Connection reset by peer")
        check(not is_running(lab, "BELIEVER"))


def is_running(lab, _):
    """Whether a process with this lab's folder as its own is left, other than hosts of ours."""
    ours = {str(host.pid) for host in lab.hosts}
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            words = open(f"/proc/{pid}/cmdline", "rb").read()
            if os.readlink(f"/proc/{pid}/cwd") == str(lab.folder) and b"verdict" in words:
                return pid not in ours
        except OSError:
            continue
    return False


def a_killed_supervisor_takes_its_processes_with_it(lab):
    client = lab.host(None, "sh", "-c", "touch alive; sleep 1000 & setsid sleep 1000 & wait")
    wait_for((lab.folder / "alive").exists, "sh runs")
    client.send_signal(signal.SIGKILL)
    client.wait()

    def none_left():
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                if (os.readlink(f"/proc/{pid}/cwd") == str(lab.folder) and
                        b"sleep" in open(f"/proc/{pid}/cmdline", "rb").read()):
                    return False
            except OSError:
                continue
        return True
    wait_for(none_left, "the processes are gone", 5)


def the_run_outlives_its_first_program_as_long_as_a_process_is_left(lab):
    began = time.monotonic()
    status, out, _ = lab.run(None, "sh", "-c", "(sleep 0.6; echo late) & exit 3")
    equal((status, out), (3, "late\n"))
    check(time.monotonic() - began >= 0.6)


def exit_statuses_are_those_of_env(lab):
    equal(lab.run(None, "sh", "-c", "exit 42")[0], 42)
    equal(lab.run(None, "sh", "-c", "kill -9 $$")[0], 128 + 9)
    equal(lab.run(None, "./not-there")[::2],
          (127, "fourtuple: ./not-there: No such file or directory\n"))
    equal(lab.run(None, "/etc/passwd")[::2], (126, "fourtuple: /etc/passwd: Permission denied\n"))
    equal(lab.run(None, "true", options=["--linger", "x"])[0], 125)


def sigterm_goes_to_the_program_and_a_second_one_ends_the_run(lab):
    script = "trap 'echo trapped; exit 5' TERM; echo ready; while :; do sleep 0.05; done"
    host = lab.host(None, "sh", "-c", script)
    equal(host.stdout.readline(), b"ready\n")
    host.send_signal(signal.SIGTERM)
    out, _ = finish(host, 5)
    equal((host.returncode, out), (5, "trapped\n"))
    host = lab.host(None, "sh", "-c", "trap '' TERM; echo ready; while :; do sleep 0.05; done")
    equal(host.stdout.readline(), b"ready\n")
    host.send_signal(signal.SIGTERM)
    time.sleep(0.2)
    equal(host.poll(), None)
    host.send_signal(signal.SIGTERM)
    finish(host, 5)
    check(host.returncode != 0)


def sigterm_goes_to_what_a_program_that_has_ended_has_left_behind(lab):
    # Who starts the test may ignore SIGHUP (nohup does), and what is ignored stays ignored.
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    try:
        for ending in (signal.SIGTERM, signal.SIGHUP):
            script = "trap 'echo trapped; exit' TERM HUP; echo ready; while :; do sleep 0.05; done"
            host = lab.host(None, "sh", "-c", f"setsid sh -c \"{script}\" & exit 3")
            equal(host.stdout.readline(), b"ready\n")
            time.sleep(0.1) # PROGRAM ends in it
            host.send_signal(ending)
            out, err = finish(host, 5)
            equal((host.returncode, out), (3, "trapped\n"), err)
    finally:
        signal.signal(signal.SIGHUP, before)


def what_is_ignored_at_the_beginning_stays_ignored(lab):
    # Who starts the test may ignore signals, as a shell does for what is in its background.
    ignoring = ("import os, signal, sys; signal.signal(signal.SIGHUP, signal.SIG_IGN); "
                "signal.signal(signal.SIGTERM, signal.SIG_DFL); "
                "os.execvp(sys.argv[1], sys.argv[1:])")
    script = "trap 'echo trapped; exit 5' TERM; echo ready; while :; do sleep 0.05; done"
    for again in (signal.SIGHUP, signal.SIGTERM):
        host = lab.popen([PYTHON, "-c", ignoring, lab.program, "run", "--", "sh", "-c", script])
        equal(host.stdout.readline(), b"ready\n")
        host.send_signal(signal.SIGHUP)
        time.sleep(0.1)
        host.send_signal(again)
        time.sleep(0.1)
        if again == signal.SIGHUP:
            equal(host.poll(), None)
            host.send_signal(signal.SIGTERM)
        out, err = finish(host, 5)
        equal((host.returncode, out), (5, "trapped\n"), err)


def what_the_terminal_sends_before_the_program_begins_is_not_lost(lab):
    default = ("import os, signal, sys; signal.signal(signal.SIGINT, signal.SIG_DFL); "
               "print('begins', flush=True); os.execvp(sys.argv[1], sys.argv[1:])")
    for wait in (0, 0.005, 0.01, 0.02, 0.03, 0.05, 0.1):
        host = lab.popen([PYTHON, "-c", default, lab.program, "run", "--net", lab.net, "--addr",
                          "10.7.0.1/24", "--", "sh", "-c", "echo up; sleep 5; echo finished"],
                         start_new_session=True)
        equal(host.stdout.readline(), b"begins\n")
        time.sleep(wait)
        os.killpg(host.pid, signal.SIGINT)
        out, err = finish(host, 10)
        check(host.returncode in (-signal.SIGINT, 128 + signal.SIGINT) and "finished" not in out,
              f"after {wait}: {host.returncode} {out} {err}")


def what_is_not_acknowledged_is_given_up_after_linger(lab):
    began = time.monotonic()
    lab.python("10.7.0.2/24", "import os, socket\n"
               "s = socket.create_server(('10.7.0.2', 9000))\n"
               "c = socket.create_connection(('10.7.0.2', 9000))\n"
               "a, _ = s.accept()\n"
               "print('ready')\n", options=["--linger", "1"])
    check(time.monotonic() - began < 4)


if __name__ == "__main__":
    sys.exit(main(a_file_piped_through_nc_arrives_whole_though_nc_exits_at_once,
                  octets_queued_by_a_program_that_has_gone_still_arrive,
                  a_killed_supervisor_leaves_no_program_that_believes_it_has_everything,
                  a_killed_supervisor_takes_its_processes_with_it,
                  the_run_outlives_its_first_program_as_long_as_a_process_is_left,
                  exit_statuses_are_those_of_env,
                  sigterm_goes_to_the_program_and_a_second_one_ends_the_run,
                  sigterm_goes_to_what_a_program_that_has_ended_has_left_behind,
                  what_is_ignored_at_the_beginning_stays_ignored,
                  what_the_terminal_sends_before_the_program_begins_is_not_lost,
                  what_is_not_acknowledged_is_given_up_after_linger))
