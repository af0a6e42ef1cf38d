#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What people type: errors are one line that names the argument, help fits one screen."""
import shutil
import sys

from programs import PYTHON, check, equal, finish, main, wait_for


def an_error_is_one_line_that_names_the_argument(lab):
    for options, name in ((["--addr", "10.7.0.300/24"], "--addr"), (["--net", "a b"], "--net"),
                          (["--net", "tap:"], "--net"), (["--link", "loss=x"], "--link"),
                          (["--gateway", "nowhere"], "--gateway"), (["--dns", "x"], "--dns"),
                          (["--linger", "soon"], "--linger"), (["--name", "a b"], "--name"),
                          (["--pcap", "/not/there/x"], "--pcap"), (["--nonsense", "1"], "--nonsense"),
                          (["-z"], "-z")):
        status, out, err = lab.run(None, "true", options=options)
        equal((status, out, err.count("\n")), (125, "", 1), err)
        check(err.startswith("fourtuple: ") and name in err, err)


def what_cannot_be_executed_is_told_as_env_tells_it(lab):
    for program, status in (("", 127), ("nonesuch", 127), ("/", 126), ("/etc/passwd", 126)):
        got, out, err = lab.run(None, program)
        equal((got, out, err.count("\n")), (status, "", 1), program)
        native = lab.popen(["env", "--", program])
        finish(native, 5)
        equal(got, native.returncode, program)


def output_that_cannot_be_written_is_an_error(lab):
    for args, status in ((["--help"], 1), (["run", "--help"], 125), (["ss", "--help"], 1),
                         (["ss"], 1)):
        with open("/dev/full", "wb") as full:
            child = lab.popen([lab.program, *args], stdout=full)
            _, err = finish(child, 5)
        equal((child.returncode, err.count("\n")), (status, 1), err)
        check("cannot be written: No space left on device" in err, err)


def limits_of_the_caller_are_told_in_one_line(lab):
    run = f"{lab.program} run --pcap x.pcap -- {PYTHON} -c \"$0\""
    both_ways = ("import socket; p = socket.create_server(('127.0.0.1', 80)); "
                 "c = socket.create_connection(('127.0.0.1', 80)); a, _ = p.accept(); "
                 "c.sendall(bytes(20000)); print(len(a.recv(20000, socket.MSG_WAITALL)))")
    for limit, wanted in (("ulimit -n 30", (125, "", "fourtuple: at most 30 open files")),
                          ("ulimit -f 8", (0, "20000\n", ""))):
        child = lab.popen(["sh", "-c", f"{limit}; {run}", both_ways])
        out, err = finish(child, 10)
        equal((child.returncode, out), wanted[:2], err)
        check(err.startswith(wanted[2]) and err.count("\n") <= 1, err)


def a_host_that_is_named_twice_is_listed_once(lab):
    lab.host(None, PYTHON, "-c", "import socket, time; p = socket.create_server(('127.0.0.1', 80));"
             "time.sleep(60)", options=["--name", "twice"])
    wait_for(lambda: ":80" in lab.ss("-l", "twice"), "it listens")
    equal(lab.ss("-lH", "twice", "twice").count("LISTEN"), 1)
    child = lab.popen([lab.program, "ss", ""])
    _, err = finish(child, 5)
    equal((child.returncode, err), (1, 'fourtuple: ss: "": no host of this name is running\n'))


def a_wire_whose_directory_is_removed_is_told_and_the_run_goes_on(lab):
    child = lab.host("10.7.0.1/24", "sh", "-c", "echo ready; read line; exit 3", stdin=-1)
    equal(child.stdout.readline(), b"ready\n")
    shutil.rmtree(lab.folder / "runtime" / "fourtuple")
    equal(child.stderr.readline().decode(), f"fourtuple: --net: {lab.net}: its directory was "
          "removed: eth0 is unplugged from now on\n")
    child.communicate(b"\n", timeout=10)
    equal(child.returncode, 3)


def a_program_must_be_named(lab):
    child = lab.popen([lab.program, "run"])
    out, err = finish(child, 5)
    equal((child.returncode, out, err.count("\n")), (125, "", 1))
    child = lab.popen([lab.program, "run", "--net"])
    out, err = finish(child, 5)
    equal((child.returncode, out, err.count("\n")), (125, "", 1))


def help_fits_one_screen(lab):
    child = lab.popen([lab.program, "run", "--help"])
    out, _ = finish(child, 5)
    lines = out.splitlines()
    equal(child.returncode, 0)
    check(len(lines) <= 24 and max(map(len, lines)) <= 80, out)


def a_run_inside_a_run_is_refused_with_a_sentence(lab):
    status, _, err = lab.run(None, str(lab.program), "run", "--", "true")
    equal(status, 125, err)
    check(err.startswith("fourtuple: ") and err.count("\n") == 1, err)


def what_the_program_inherits_it_finds_as_it_was(lab):
    script = ("trap '' PIPE; ulimit -n 123; %s sh -c 'ulimit -n; cat <&3; "
              "grep -E \"SigIgn|SigBlk\" /proc/self/status' 3</etc/hostname")
    # Who starts the test may ignore signals, as a shell does for what is in its background.
    native, _ = finish(lab.popen(["sh", "-c", script % ""]), 5)
    out, err = finish(lab.popen(["sh", "-c", script % f"{lab.program} run --"]), 5)
    equal(out, native, err)
    check(out.startswith("123\n") and "SigIgn" in out, out)


def a_caller_that_ignores_sigchld_is_told_the_exit_status(lab):
    # A shell cannot do it: it needs SIGCHLD itself.
    ignoring = ("import os, signal, sys; signal.signal(signal.SIGCHLD, signal.SIG_IGN); "
                "os.execvp(sys.argv[1], sys.argv[1:])")
    script = "grep SigIgn /proc/self/status; exit 7"
    native, _ = finish(lab.popen([PYTHON, "-c", ignoring, "sh", "-c", script]), 5)
    child = lab.popen([PYTHON, "-c", ignoring, lab.program, "run", "--", "sh", "-c", script])
    out, err = finish(child, 10)
    equal((child.returncode, out), (7, native), err)


if __name__ == "__main__":
    sys.exit(main(an_error_is_one_line_that_names_the_argument,
                  what_cannot_be_executed_is_told_as_env_tells_it,
                  output_that_cannot_be_written_is_an_error,
                  limits_of_the_caller_are_told_in_one_line,
                  a_host_that_is_named_twice_is_listed_once,
                  a_wire_whose_directory_is_removed_is_told_and_the_run_goes_on,
                  a_program_must_be_named,
                  help_fits_one_screen, a_run_inside_a_run_is_refused_with_a_sentence,
                  what_the_program_inherits_it_finds_as_it_was,
                  a_caller_that_ignores_sigchld_is_told_the_exit_status))
