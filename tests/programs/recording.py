#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A live host is recorded, and its recording replayed: every frame is the same to the octet."""
# timeout: 180
import re
import sys

from programs import PYTHON, check, equal, finish, main, need, stop, wait_for

CABLE = "delay=5ms,jitter=1ms,loss=1%,dup=1%,reorder=1%,corrupt=0.5%,seed=3"


def replay(lab, *args):
    child = lab.popen([lab.program, "replay", *args])
    out, err = finish(child, 60)
    return child.returncode, out, err


def record(lab, size):
    """A download over a lossy wire, of which both ends are recorded."""
    need("curl")
    lab.file("file", size)
    server = lab.host("10.7.0.1/24", PYTHON, "-m", "http.server", "80",
                      options=["--name", "web", "--record", "server.rec"])
    wait_for(lambda: ":80" in lab.ss("-l", "web"), "http.server listens")
    status, _, err = lab.run("10.7.0.2/24", "curl", "-sS", "-o", "copy", "http://10.7.0.1/file",
                             options=["--link", CABLE, "--record", "client.rec"], timeout=40)
    equal(status, 0, err)
    stop(server)
    equal((lab.folder / "copy").read_bytes(), (lab.folder / "file").read_bytes(), "the copy")


def a_download_over_a_lossy_wire_replays_bit_for_bit(lab):
    record(lab, 1_200_000)
    for name in ("client.rec", "server.rec"):
        equal((lab.folder / name).stat().st_mode & 0o777, 0o600, "mode")
        status, out, err = replay(lab, name, "--pcap", "x.pcapng", "--trace", "x.trace")
        equal(status, 0, out + err)
        equal(err, "", "warnings")
        frames = int(re.match(r"(\d+) frames compared, all equal", out).group(1))
        check(frames >= 50, out)
        trace = (lab.folder / "x.trace").read_text()
        check("SYN-SENT" in trace or "SYN-RECV" in trace or "ESTAB" in trace, trace[:500])
        check((lab.folder / "x.pcapng").stat().st_size > 400_000, "frames in the capture")
    status, out, _ = replay(lab, "client.rec", "--until", "1ms")
    equal(status, 0, out)


def a_recording_that_is_cut_or_flipped_is_told(lab):
    record(lab, 20_000)
    whole = (lab.folder / "client.rec").read_bytes()
    cut = lab.folder / "cut.rec"
    # Octet 9000 may by chance be the first of a record: then nothing is cut off.
    cut.write_bytes(whole[:9000])
    cut.chmod(0o644)
    at_9000 = "ends here" if "octet 9000: " in replay(lab, "cut.rec")[2] else "cut off"
    for octets, why in ((whole[:-1], "cut off"), (whole[:9000], at_9000), (b"", "not a recording"),
                        (whole[:5000] + bytes([whole[5000] ^ 16]) + whole[5001:], "damaged"),
                        (whole[:9000] + bytes(9000), "octet ")):
        cut.write_bytes(octets)
        cut.chmod(0o644)
        status, out, err = replay(lab, "cut.rec")
        equal(status, 3, out + err)
        check(why in err and "fourtuple: cut.rec: octet" in err, err)


MASK = (1 << 64) - 1
ODD = 0xd6e8feb86659fd93


def step(lane, word):
    lane ^= word
    return ((lane << 29 | lane >> 35) & MASK) * ODD & MASK


def record_check(octets):
    """The hash of src/wire/record.h."""
    lanes = [0x9e3779b97f4a7c15 * (i + 1) & MASK for i in range(4)]
    words = octets + bytes(-len(octets) % 32)
    for at in range(0, len(words), 8):
        lanes[at // 8 % 4] = step(lanes[at // 8 % 4], int.from_bytes(words[at:at + 8], "little"))
    value = len(octets)
    for lane in lanes:
        value = step(value, lane)
    value = (value ^ value >> 32) * ODD & MASK
    return (value ^ value >> 29).to_bytes(8, "little")


def records(octets):
    """The kind of each record, where its data begins, and where its check stands."""
    at = 16
    while at < len(octets) and octets[at + 4] != 0:
        end = at + 8 + int.from_bytes(octets[at:at + 4], "little")
        yield octets[at + 4], at, at + 8 + 8 * octets[at + 5], end
        at = end + 8


def alter(octets, kind, where):
    """One octet is another one, @where octets before the end of the data, in the first record of the
    kind that has so many; its check is right."""
    for found, begin, data, end in records(octets):
        if found == kind and end - data >= where:
            changed = bytearray(octets)
            changed[end - where] ^= 1
            changed[end:end + 8] = record_check(bytes(changed[begin:end]))
            return bytes(changed)
    raise AssertionError(f"no record of kind {kind}")


def what_another_core_would_do_is_named(lab):
    build, frame = 2, 6
    record(lab, 20_000)
    whole = (lab.folder / "client.rec").read_bytes()
    other = lab.folder / "other.rec"
    other.write_bytes(alter(whole, build, 1))
    status, out, err = replay(lab, "other.rec")
    equal(status, 0, out + err)
    check("other.rec: recorded by another build" in err and err.count("\n") == 1, err)
    check("all equal" in out, out)
    # Of the first full segment, one octet of payload: the checksum is wrong, so the ACK is another.
    other.write_bytes(alter(whole, frame, 1400))
    status, out, err = replay(lab, "other.rec")
    equal(status, 1, out + err)
    check(re.match(r"diverged at \d+\.\d{9} s: .+; \d+ frames before it are equal$", out), out)


def a_trace_that_is_lost_is_no_success(lab):
    record(lab, 20_000)
    for option in ("--trace", "--pcap"):
        status, out, err = replay(lab, "client.rec", option, "/dev/full")
        equal(status, 2, out + err)
        check("/dev/full" in err and err.count("\n") == 1, err)


def wrong_arguments_are_named(lab):
    for args in (["--until", "soon", "x"], ["--nothing"], [], ["no.rec"], ["x", "--pcap"], ["."]):
        status, _, err = replay(lab, *args)
        equal(status, 2, err)
        check(err.startswith("fourtuple: ") and err.count("\n") == 1, err)
    status, out, _ = replay(lab, "--help")
    equal(status, 0)
    check("--until" in out and len(out.splitlines()) <= 24, out)
    status, _, err = lab.run(None, "true", options=["--record", "/dev/null"])
    equal(status, 125, err)
    check("--record: /dev/null" in err, err)


def a_file_that_another_run_is_writing_is_left_alone(lab):
    first = lab.host("10.7.0.1/24", "sh", "-c", "echo ready; read line; exit 0", stdin=-1,
                     options=["--name", "first", "--record", "rec", "--pcap", "pcap"])
    equal(first.stdout.readline(), b"ready\n")
    for option, name in (("--record", "rec"), ("--record", "pcap"), ("--pcap", "rec"),
                         ("--pcap", "pcap"), ("--pcap", "./pcap")):
        status, _, err = lab.run("10.7.0.2/24", "true", options=[option, name])
        equal((status, err), (125, f"fourtuple: {option}: {name} cannot be written: "
                                   "it is being written already\n"), option)
    status, _, err = replay(lab, "rec", "--pcap", "pcap") # a recording may be read meanwhile
    equal(status, 2, err)
    check("pcap cannot be written" in err and err.count("\n") == 1, err)
    finish(first, 10, b"\n")
    equal(first.returncode, 0)
    status, out, err = replay(lab, "rec")
    check(status == 0 and "all equal" in out, out + err)
    equal((lab.folder / "pcap").read_bytes()[:4].hex(), "0a0d0d0a", "the capture's first octets")
    # It is free again, and begun anew.
    equal(lab.run("10.7.0.1/24", "true", options=["--record", "rec", "--pcap", "pcap"])[0], 0)


def nothing_is_said_into_a_recording_when_standard_files_are_closed(lab):
    # PROGRAM finds them closed, too; its answer is the file that standard output is then.
    status_of = "for f in 0 2; do test -e /proc/self/fd/$f; printf $?; done > closed; exit 3"
    for closed, wanted in (("<&-", "10"), (">&-", "00"), ("2>&-", "01"), ("<&- >&- 2>&-", "11")):
        child = lab.popen(["sh", "-c", f'exec "$@" {closed}', "sh", lab.program, "run", "-v",
                           "--record", "rec", "--pcap", "pcap", "--", "sh", "-c", status_of])
        finish(child, 10)
        equal(child.returncode, 3, closed)
        status, out, err = replay(lab, "rec")
        check(status == 0 and "all equal" in out, f"{closed}: {out} {err}")
        equal((lab.folder / "pcap").read_bytes()[:4].hex(), "0a0d0d0a", closed)
        equal((lab.folder / "closed").read_text(), wanted, closed)


if __name__ == "__main__":
    sys.exit(main(a_download_over_a_lossy_wire_replays_bit_for_bit,
                  a_recording_that_is_cut_or_flipped_is_told,
                  what_another_core_would_do_is_named, a_trace_that_is_lost_is_no_success,
                  a_file_that_another_run_is_writing_is_left_alone,
                  nothing_is_said_into_a_recording_when_standard_files_are_closed,
                  wrong_arguments_are_named))
