# SPDX-License-Identifier: MIT
"""What the program tests share: starting hosts, and running each test as every user there is.

A test is a function; names() of them are run by main(), once as the caller and, when that is root,
once more as nobody. Each gets a Lab: hosts on a virtual wire of its own, in a folder of its own.
"""
import os
import pathlib
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback

FOURTUPLE = os.environ.get("FOURTUPLE", "build/fourtuple")
NOBODY = 65534
# The program must be there for nobody too, so the system's python and not one of the caller's.
PYTHON = "/usr/bin/python3" if os.path.exists("/usr/bin/python3") else "python3"
SKIPPED = 77
SANITIZED = "sanitizer-says"
DESCRIPTORS = 4096
# Debian has them where the search path of ordinary users does not lead.
DAEMONS = ":/usr/sbin:/sbin"


class Skip(Exception):
    """Raised with the reason why a test cannot be run here."""


class Lab:
    """Hosts that share one virtual wire, run by one user, in a temporary folder."""

    def __init__(self, folder, user):
        self.folder, self.user = pathlib.Path(folder), user
        self.program = self.folder / "fourtuple"
        self.net = "t%d" % os.getpid()
        self.hosts = []
        self.env = dict(os.environ, XDG_RUNTIME_DIR=str(self.folder / "runtime"), HOME=str(folder),
                        PYTHONUNBUFFERED="1", LC_ALL="C.UTF-8")
        if user is not None:
            self.env["PATH"] = "/usr/bin:/bin"
        self.env["PATH"] += DAEMONS
        # Of a build with sanitizers: what they say would be lost where a host's stderr is not read.
        for name in ("ASAN_OPTIONS", "UBSAN_OPTIONS"):
            options = self.env.get(name, "")
            self.env[name] = (options + ":" if options else "") + "log_path=" + SANITIZED

    def _identity(self):
        # A program that takes every descriptor has taken them soon, whatever the machine allows.
        hard = min(DESCRIPTORS, resource.getrlimit(resource.RLIMIT_NOFILE)[1])
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        if self.user is not None:
            os.setgroups([])
            os.setgid(self.user)
            os.setuid(self.user)

    def popen(self, command, **how):
        how.setdefault("stdin", subprocess.DEVNULL)
        how.setdefault("stdout", subprocess.PIPE)
        how.setdefault("stderr", subprocess.PIPE)
        child = subprocess.Popen([str(c) for c in command], cwd=self.folder, env=self.env,
                                 preexec_fn=self._identity, **how)
        self.hosts.append(child)
        return child

    def host(self, addr, *command, options=(), **how):
        """A host on the wire; addr None: no --net at all. Command: a program and its arguments."""
        net = []
        if addr is not None:
            net = ["--net", self.net]
            for one in [addr] if isinstance(addr, str) else addr:
                net += ["--addr", one]
        return self.popen([self.program, "run", *net, *options, "--", *command], **how)

    def run(self, addr, *command, options=(), timeout=40, input=None, **how):
        """Runs a host to its end; returns (exit status, stdout, stderr) as text."""
        if input is not None:
            how["stdin"] = subprocess.PIPE
        child = self.host(addr, *command, options=options, **how)
        out, err = finish(child, timeout, input)
        return child.returncode, out, err

    def python(self, addr, text, *args, options=(), timeout=40, **how):
        """Runs a Python program on a host; anything but exit status 0 fails. Returns its stdout."""
        status, out, err = self.run(addr, PYTHON, "-c", text, *args, options=options,
                                    timeout=timeout, **how)
        check(status == 0, f"exit status {status}\n{out}\n{err}")
        return out

    def ss(self, *args):
        child = self.popen([self.program, "ss", *args])
        return finish(child, 5)[0]

    def file(self, name, size):
        """A file of random octets."""
        path = self.folder / name
        path.write_bytes(os.urandom(size))
        path.chmod(0o644)
        return path

    def sanitized(self):
        """What sanitizers have said of the hosts."""
        return "\n".join(path.read_text(errors="replace")
                         for path in sorted(self.folder.glob(SANITIZED + ".*")))

    def close(self):
        for child in self.hosts:
            if child.poll() is None:
                child.send_signal(signal.SIGKILL)
                child.wait()
            for pipe in (child.stdin, child.stdout, child.stderr):
                if pipe:
                    pipe.close()


def finish(child, timeout, input=None):
    try:
        out, err = child.communicate(input, timeout=timeout)
    except subprocess.TimeoutExpired:
        child.kill()
        out, err = child.communicate()
        raise AssertionError("not done after %d s\n%s\n%s" %
                             (timeout, out.decode(errors="replace"), err.decode(errors="replace")))
    return (out or b"").decode(errors="replace"), (err or b"").decode(errors="replace")


def check(truth, what="not true"):
    if not truth:
        raise AssertionError(what)


def equal(got, wanted, what=""):
    check(got == wanted, f"{what or 'is'}: {got!r}, wanted {wanted!r}")


def wait_for(condition, what, timeout=10):
    until = time.monotonic() + timeout
    while time.monotonic() < until:
        if condition():
            return
        time.sleep(0.02)
    raise AssertionError(f"{what}: not after {timeout} s")


def need(*commands):
    for command in commands:
        if shutil.which(command, path=os.environ["PATH"] + DAEMONS) is None:
            raise Skip(f"{command} is not installed")


def stop(child):
    """Ends a host as a user would; returns its exit status."""
    child.send_signal(signal.SIGTERM)
    finish(child, 10)
    return child.returncode


def run_as(test, user):
    folder = tempfile.mkdtemp(prefix="ft-prog-", dir="/tmp")
    try:
        shutil.copy(FOURTUPLE, folder + "/fourtuple")
        os.mkdir(folder + "/runtime", 0o700)
        if user is not None:
            for path in (folder, folder + "/runtime"):
                os.chown(path, user, user)
        os.chmod(folder, 0o755)
        lab = Lab(folder, user)
        try:
            test(lab)
        finally:
            lab.close()
            said = lab.sanitized()
            if said:
                print(said)
        check(not said, "a sanitizer has found something")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def main(*tests):
    users = [None, NOBODY] if os.geteuid() == 0 else [None]
    selected = [t for t in tests if not sys.argv[1:] or t.__name__ in sys.argv[1:]]
    failed = 0
    print(f"1..{len(selected)}")
    for number, test in enumerate(selected, 1):
        verdict = f"ok {number} - {test.__name__}"
        for user in users:
            try:
                run_as(test, user)
            except Skip as reason:
                verdict += f" # SKIP {reason}"
                break
            except Exception as error:
                who = "nobody" if user is not None else "the caller"
                print(f"as {who}: {error}")
                if not isinstance(error, AssertionError):
                    traceback.print_exc(file=sys.stdout)
                verdict = f"not ok {number} - {test.__name__}"
                failed += 1
                break
        print(verdict, flush=True)
    return 1 if failed else 0
