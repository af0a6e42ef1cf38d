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


if __name__ == "__main__":
    sys.exit(main(a_download_over_a_lossy_wire_replays_bit_for_bit,
                  a_recording_that_is_cut_or_flipped_is_told, wrong_arguments_are_named))
