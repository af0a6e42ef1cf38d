#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""curl fetches pages from python3's http.server, both unmodified."""
# timeout: 180
import hashlib
import sys

from programs import PYTHON, check, equal, main, need, stop, wait_for

SIZE = 3_000_000


def serve(lab, addr, *more, port=80):
    server = lab.host(addr, PYTHON, "-m", "http.server", str(port), *more,
                      options=["--name", "web"])
    wait_for(lambda: f":{port}" in lab.ss("-l", "web"), "http.server listens")
    return server


def fetch(lab, addr, url):
    need("curl")
    status, _, err = lab.run(addr, "curl", "-sS", "-o", "copy", url)
    equal(status, 0, err)


def same(lab):
    first = hashlib.sha256((lab.folder / "file").read_bytes()).hexdigest()
    second = hashlib.sha256((lab.folder / "copy").read_bytes()).hexdigest()
    equal(second, first, "SHA-256 of the copy")


def curl_fetches_over_ipv4(lab):
    lab.file("file", SIZE)
    server = serve(lab, "10.7.0.1/24")
    fetch(lab, "10.7.0.2/24", "http://10.7.0.1/file")
    same(lab)
    equal(stop(server), 128 + 15, "exit status of a server that SIGTERM ended")


def curl_fetches_over_ipv6(lab):
    lab.file("file", SIZE)
    serve(lab, "fd07::1/64", "--bind", "::")
    fetch(lab, "fd07::2/64", "http://[fd07::1]/file")
    same(lab)


def curl_fetches_through_loopback_inside_one_run(lab):
    lab.file("file", SIZE)
    need("curl")
    script = ("%s -m http.server 8000 2>/dev/null >&2 & server=$!\n"
              "for i in 1 2 3 4 5 6 7 8 9; do\n"
              "  curl -sS -o copy http://127.0.0.1:8000/file && break\n"
              "  sleep 0.2\n"
              "done 2>/dev/null\n"
              "curl -sS -o copy6 'http://[::1]:8000/file'; echo $?\n"
              "kill $server" % PYTHON)
    status, out, err = lab.run(None, "sh", "-c", script)
    check(out in ("0\n", "7\n"), f"{status} {out} {err}")
    same(lab)


def a_page_crosses_a_bad_cable_whole(lab):
    lab.file("file", 400_000)
    serve(lab, "10.7.0.1/24")
    need("curl")
    cable = "delay=5ms,jitter=1ms,loss=1%,dup=1%,reorder=1%,corrupt=0.5%,seed=3"
    status, _, err = lab.run("10.7.0.2/24", "curl", "-sS", "-o", "copy", "http://10.7.0.1/file",
                             options=["--link", cable], timeout=40)
    equal(status, 0, err)
    same(lab)


def a_capture_is_one_that_tshark_reads(lab):
    lab.file("file", 100_000)
    need("curl", "tshark", "capinfos")
    serve(lab, "10.7.0.1/24")
    status, _, err = lab.run("10.7.0.2/24", "curl", "-sS", "-o", "copy", "http://10.7.0.1/file",
                             options=["--pcap", "x.pcapng"])
    equal(status, 0, err)
    child = lab.popen(["tshark", "-r", "x.pcapng", "-Y", "tcp.flags.syn==1", "-T", "fields",
                       "-e", "ip.src", "-e", "frame.interface_name"])
    out, err = child.communicate(timeout=20)
    equal(child.returncode, 0, err)
    lines = out.decode().split("\n")
    check(lines[0].startswith("10.7.0.2\t") and lines[1].startswith("10.7.0.1\t"), out)


if __name__ == "__main__":
    sys.exit(main(curl_fetches_over_ipv4, curl_fetches_over_ipv6,
                  curl_fetches_through_loopback_inside_one_run, a_page_crosses_a_bad_cable_whole,
                  a_capture_is_one_that_tshark_reads))
