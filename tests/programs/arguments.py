#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
# timeout: 120
"""Wrong arguments: one line that names the argument, the exit status that the help says, and
nothing left behind."""
import subprocess
import sys

from programs import check, equal, main

WRONG = ["", "a b", "a\nb", "x/y", "-1", "99999999999999999999", "\x1b[2J", "%s%n", "x" * 300]

RUN = [
    [], ["--"], ["--bogus", "--", "true"], ["-x", "--", "true"], ["--a\nb"],
    *[[option] for option in ("--net", "--addr", "--gateway", "--link", "--pcap", "--dns", "--name",
                              "--linger")],
    *[[option, "--", "true"] for option in ("--net", "--addr", "--dns", "--linger")],
    *[[option, wrong, "--", "true"] for wrong in WRONG
      for option in ("--addr", "--gateway", "--link", "--dns")],
    *[[option, wrong, "--", "true"] for wrong in WRONG if wrong not in ("-1", WRONG[5])
      for option in ("--net", "--name", "--linger")],
    *[["--net", net, "--", "true"] for net in
      ("..", "tap:", "tap:a/b", "tap:sixteen-letters-", "bogus:x", "pcap:", "x" * 33)],
    *[["--addr", addr, "--", "true"] for addr in
      ("10.7.0.1", "10.7.0.1/33", "10.7.0/24", "10.7.0.1/24x", "10.7.0.0/24", "10.7.0.255/24",
       "0.0.0.0/0", "224.0.0.1/24", "127.0.0.2/8", "::1/128", "ff02::1/64", "fd07::1/129")],
    *[["--link", link, "--", "true"] for link in
      ("delay", "delay=", "delay=10", "delay=1ms,delay=2ms", "delay=1ms,", "rate=0", "queue=0",
       "loss=101%", "loss=1", "loss=nan%", "mtu=67", "mtu=65536", "seed=x", "wombat=1")],
    *[["--dns", dns, "--", "true"] for dns in ("0.0.0.0", "::", "224.0.0.1", "ff02::1",
                                              "10.0.0.1:53")],
    *[["--linger", linger, "--", "true"] for linger in ("-1", "1e3", "10s", "86401")],
    # What cannot be at the same time.
    ["--addr", "10.7.0.1/24", "--addr", "10.7.0.1/16", "--", "true"],
    ["--net", "a", "--addr", "10.7.0.1/24", "--net", "b", "--addr", "10.7.0.1/24", "--", "true"],
    ["--net", "a", "--net", "a", "--", "true"],
    ["--addr", "10.7.0.1/24", "--gateway", "10.7.0.1", "--", "true"],
    ["--addr", "10.7.0.1/24", "--gateway", "10.9.0.1", "--", "true"],
    ["--addr", "10.7.0.1/24", "--gateway", "10.7.0.2", "--gateway", "10.7.0.3", "--", "true"],
    ["--link", "delay=1ms", "--link", "loss=1%", "--", "true"],
    ["--link", "mtu=1000", "--addr", "fd07::1/64", "--", "true"],
    ["--pcap", "one", "--pcap", "two", "--", "true"],
    ["--net", "a", "--pcap", "one", "--net", "b", "--pcap", "one", "--", "true"],
    ["--name", "one", "--name", "two", "--", "true"], ["--name", "-x", "--", "true"],
    ["--linger", "1", "--linger", "2", "--", "true"],
    ["--record", "one", "--record", "two", "--", "true"],
    ["--record", "one", "--pcap", "one", "--", "true"],
    ["--net", "a", "--pcap", "one", "--net", "b", "--pcap", "./one", "--", "true"],
    ["--dns", "10.0.0.1", "--dns", "10.0.0.1", "--", "true"],
    # What cannot be written.
    ["--pcap", "nowhere/file", "--", "true"], ["--pcap", ".", "--", "true"],
    ["--pcap", "/dev/full", "--", "true"],
]

SIM = [
    ["--bogus"], ["-x"], ["extra"], ["--seed"], ["--seeds"], ["--for"], ["--pcap"],
    *[[option, wrong] for wrong in WRONG for option in ("--seed", "--seeds", "--for")
      if (option, wrong) != ("--seed", "1")],
    ["--seed", "1..2"], ["--seeds", "1"], ["--seeds", "2..1"], ["--seeds", "1.."],
    ["--seeds", "1..99999999999999999999"], ["--for", "0"], ["--for", "1d"],
    ["--seed", "1", "--seed", "2"], ["--seed", "1", "--seeds", "1..2"],
    ["--for", "1s", "--for", "2s"], ["--pcap", "file", "--seeds", "1..2"],
    ["--pcap", "nowhere/file"], ["--pcap", "."],
]

SS = [["-x"], ["--bogus"], ["-tux"], ["--json=1"], ["--a\nb"], ["-\n"], ["-i", "--bogus"]]


def try_all(lab, command, attempts, status):
    for attempt in attempts:
        child = lab.popen([lab.program, command, *attempt])
        try:
            out, err = child.communicate(timeout=10)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"{command} {attempt}: hangs")
        lines = err.decode(errors="replace").split("\n")
        check(child.returncode == status, f"{command} {attempt}: status {child.returncode} {lines}")
        check(len(lines) == 2 and lines[1] == "", f"{command} {attempt}: {lines}")
        check(lines[0].startswith("fourtuple: ") and ": " in lines[0][11:], f"{attempt}: {lines}")
        check(lines[0].isprintable(), f"{attempt}: {lines}")
        equal(out, b"", f"{command} {attempt}: standard output")
    left = [p for p in (lab.folder / "runtime").rglob("*") if not p.is_dir()]
    equal(left, [], "what is left in the runtime directory")


def wrong_arguments_of_run_are_named_in_one_line_and_end_with_125(lab):
    try_all(lab, "run", RUN, 125)


def wrong_arguments_of_sim_are_named_in_one_line_and_end_with_2(lab):
    try_all(lab, "sim", SIM, 2)


def wrong_arguments_of_ss_are_named_in_one_line_and_end_with_2(lab):
    try_all(lab, "ss", SS, 2)


def an_address_that_another_host_has_is_told_once_and_ends_with_125(lab):
    first = lab.host("10.7.0.1/24", "sh", "-c", "echo ready; sleep 30")
    equal(first.stdout.readline(), b"ready\n") # else the second may be there before it
    status, out, err = 0, "", ""
    for _ in range(20):
        status, out, err = lab.run("10.7.0.1/24", "sleep", "1")
        if status == 125:
            break
    equal(status, 125, "exit status")
    equal(err, f"fourtuple: --addr: 10.7.0.1 belongs to another host on {lab.net}\n", "what is said")
    check(first.poll() is None, "the first host has gone")


if __name__ == "__main__":
    sys.exit(main(wrong_arguments_of_run_are_named_in_one_line_and_end_with_125,
                  wrong_arguments_of_sim_are_named_in_one_line_and_end_with_2,
                  wrong_arguments_of_ss_are_named_in_one_line_and_end_with_2,
                  an_address_that_another_host_has_is_told_once_and_ends_with_125))
