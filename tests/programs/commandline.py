#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What people type: errors are one line that names the argument, help fits one screen."""
import sys

from programs import check, equal, finish, main


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



if __name__ == "__main__":
    sys.exit(main(an_error_is_one_line_that_names_the_argument, a_program_must_be_named,
                  help_fits_one_screen, a_run_inside_a_run_is_refused_with_a_sentence,
                  what_the_program_inherits_it_finds_as_it_was))
