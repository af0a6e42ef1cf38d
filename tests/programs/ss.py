#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
# timeout: 60
"""fourtuple ss lists the sockets of running hosts in the words of ss(8)."""
import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time

BUILD = pathlib.Path(os.environ.get("BUILD", "build")).resolve()
FOURTUPLE = os.environ.get("FOURTUPLE", str(BUILD / "fourtuple"))
SERVER = str(BUILD / "bench" / "server")


def ss(*arguments, status=0):
    done = subprocess.run([FOURTUPLE, "ss", *arguments], stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True, timeout=20)
    assert done.returncode == status, (arguments, done)
    return done.stdout if status == 0 else done.stderr


class Hosts:
    """Some hosts on one wire."""

    def __init__(self, *names):
        self.processes = [subprocess.Popen([SERVER, "--net", "ss", "--addr", f"10.7.0.{i}/24",
                                            "--name", name])
                          for i, name in enumerate(names, 1)]
        end = time.monotonic() + 10
        while len(ss("-laH").splitlines()) < 4 * len(names):
            assert time.monotonic() < end, ss("-la")
            time.sleep(0.02)

    def __enter__(self):
        return self.processes

    def __exit__(self, *_):
        for process in self.processes:
            process.send_signal(signal.SIGTERM)
        for process in self.processes:
            assert process.wait(10) in (0, -signal.SIGKILL), process.returncode


def without_hosts_there_are_only_titles():
    assert re.fullmatch(r"Netid +State +Recv-Q +Send-Q +Local Address:Port +Peer Address:Port +"
                        r"Process\n", ss("-a")), ss("-a")
    assert ss("-aH") == ""
    assert ss("--json") == ""


def passive_sockets_are_told():
    with Hosts("web"):
        lines = ss("-tlnH").splitlines()
        assert len(lines) == 4, lines
        assert any(re.fullmatch(r"tcp +LISTEN +0 +4096 +\*:5003 +\*:\*", line)
                   for line in lines), lines
        assert ss("-tH") == "", "passive sockets are shown without -l or -a"
        assert ss("-ulH") == ""
        assert ss("-4lH") == "" and len(ss("-6lH").splitlines()) == 4


def hosts_are_told_apart_and_can_be_named():
    with Hosts("one", "two"):
        assert len(ss("-laH").splitlines()) == 8
        assert len(ss("-laH", "two").splitlines()) == 4
        assert "host:" not in ss("-laH", "two")
        hosts = [json.loads(line)["host"] for line in ss("-l", "--json").splitlines()]
        assert hosts == ["one"] * 4 + ["two"] * 4, hosts


def counters_are_told():
    with Hosts("web"):
        assert "now_sockets" in ss("--counters", "web")
        told = json.loads(ss("--counters", "--json", "web"))
        assert told["host"] == "web" and told["counters"]["now_sockets"] == 4, told


def a_killed_host_is_forgotten():
    with Hosts("one", "two") as processes:
        processes[0].kill()
        processes[0].wait()
        assert len(ss("-laH").splitlines()) == 4
        assert ss("one", status=1) == "fourtuple: ss: one: no host of this name is running\n"


def a_host_has_no_name_before_it_can_answer():
    """Who asks takes a name that refuses for a dead host's, and removes it."""
    path = os.path.join(os.environ["XDG_RUNTIME_DIR"], "fourtuple", "hosts", "web")
    for _ in range(20):
        process = subprocess.Popen([SERVER, "--net", "ss", "--addr", "10.7.0.1/24",
                                    "--name", "web"])
        end = time.monotonic() + 10
        try:
            while True:
                assert time.monotonic() < end
                try:
                    with socket.socket(socket.AF_UNIX) as asking:
                        asking.connect(path)
                    break
                except FileNotFoundError:
                    pass
        finally:
            process.kill()
            process.wait()
        for name in os.listdir(os.path.dirname(path)):
            os.unlink(os.path.join(os.path.dirname(path), name))
    with Hosts("web"):
        assert os.listdir(os.path.dirname(path)) == ["web"]


def a_stopped_host_does_not_stop_us():
    with Hosts("one", "two") as processes:
        processes[0].send_signal(signal.SIGSTOP)
        assert len(ss("-laH").splitlines()) == 4
        processes[0].send_signal(signal.SIGCONT)


def wrong_arguments_are_named():
    assert ss("-z", status=2) == "fourtuple: ss: -z is not an option; --help lists them\n"
    assert ss("--zz", status=2) == "fourtuple: ss: --zz is not an option; --help lists them\n"
    # The word before a letter that is none is no word of it.
    assert ss("--all", "-xt", status=2) == ss("-x", status=2)
    assert ss("-J", status=2) == "fourtuple: ss: -J is not an option; --help lists them\n"
    for word in ("--json=1", "--all=1"):
        assert ss("-t", word, status=2) == ss(word, status=2)
        assert word in ss(word, status=2)
    assert "usage: fourtuple ss" in ss("--help")


TESTS = [without_hosts_there_are_only_titles, passive_sockets_are_told,
         hosts_are_told_apart_and_can_be_named, counters_are_told, a_killed_host_is_forgotten,
         a_host_has_no_name_before_it_can_answer, a_stopped_host_does_not_stop_us,
         wrong_arguments_are_named]


def main():
    print(f"1..{len(TESTS)}")
    n_bad = 0
    for number, test in enumerate(TESTS, 1):
        with tempfile.TemporaryDirectory() as folder:
            os.environ["XDG_RUNTIME_DIR"] = folder
            try:
                test()
                print(f"ok {number} - {test.__name__}", flush=True)
            except Exception as error:
                n_bad += 1
                print(f"not ok {number} - {test.__name__}", flush=True)
                for line in f"{type(error).__name__}: {error}".splitlines():
                    print(f"# {line}", flush=True)
    return 1 if n_bad else 0


if __name__ == "__main__":
    sys.exit(main())
