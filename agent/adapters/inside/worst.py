"""The worst that code in a room may try, one function each; chosen by the first argument.

Runs in the room with only the standard library, for `mergewright doctor` and for tests. Each
prints its progress letter by letter, so that a room that was ended still tells how far it came.
"""

from __future__ import annotations

import os
import signal
import struct
import sys
import time

MIB = 1024 * 1024


def say(letter: bytes) -> None:
    """Print at once."""
    os.write(1, letter)


def forks(wanted: str) -> None:
    """Start as many processes as it can, `f` for each."""
    for _ in range(int(wanted)):
        try:
            if os.fork() == 0:
                time.sleep(60)
                os._exit(0)
        except OSError:
            break
        say(b"f")
    time.sleep(60)


def hog(children: str, mib: str) -> None:
    """Let children fill memory, `g` for each that got it, and end well itself."""
    for _ in range(int(children)):
        if os.fork() == 0:
            try:
                held = bytearray(b"x") * (int(mib) * MIB)
            except MemoryError:
                os._exit(1)
            say(b"g")
            time.sleep(1)
            os._exit(0 if held else 1)
    for _ in range(int(children)):
        os.wait()


def wait(seconds: str, marker: str) -> None:
    """Say which boot of which kernel this is, and stay for a while, to be found by the marker."""
    say(marker.encode() + b" ")
    try:
        with open("/proc/sys/kernel/random/boot_id", "rb") as file:
            say(file.read())
    except OSError:
        pass
    time.sleep(float(seconds))


def deaf(marker: str) -> None:
    """Outlive every polite request, also in a session of its own."""
    say(marker.encode())
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)
    if os.fork() == 0:
        os.setsid()
        if os.fork() != 0:
            os._exit(0)
    time.sleep(120)


def fill(*places: str) -> None:
    """Fill every place, `m` for each megabyte that fitted."""
    for place in places:
        with open(os.path.join(place, "fill"), "wb", buffering=0) as file:
            try:
                for _ in range(64):
                    if file.write(bytes(MIB)) < MIB:
                        break
                    say(b"m")
            except OSError:
                pass
        say(b",")


def names(folder: str) -> None:
    """Make empty files without end, `n` for each thousand."""
    for number in range(1_000_000):
        try:
            os.close(os.open("%s/name-%d" % (folder, number), os.O_CREAT | os.O_WRONLY))
        except OSError:
            return
        if number % 1000 == 0:
            say(b"n")


def loud(lines: str) -> None:
    """Print many lines of 20 bytes."""
    piece = b"0123456789abcdefghi\n" * 10_000
    for _ in range(int(lines) // 10_000):
        left = memoryview(piece)
        while left:
            left = left[os.write(1, left) :]


def returns(out: str) -> None:
    """Leave things to be collected that must not be, and one plain file."""
    os.symlink("/etc/passwd", out + "/link")
    os.symlink("/etc", out + "/folder")
    os.mkfifo(out + "/pipe")
    for name in ("twin", "plain"):
        with open(out + "/" + name, "w") as file:
            file.write(name)
    os.link(out + "/twin", out + "/second")
    with open(out + "/large", "wb") as large:
        large.truncate(1 << 28)


def forge() -> None:
    """Claim success by every way out, attack process 1, and end with 7."""
    claim = b'{"exit_code": 0, "limit": null, "files": [], "refused": []}'
    frames = [
        struct.pack("!16sBQ", bytes(16), kind, len(body)) + body
        for kind, body in ((1, b"{}"), (2, claim))
    ]
    for number in range(256):
        for path in ("/proc/1/fd/%d" % number, "/proc/self/fd/%d" % number):
            try:
                with open(path, "wb", buffering=0) as file:
                    file.writelines(frames)
            except OSError:
                continue
        for frame in frames:
            try:
                os.write(number, frame)
            except OSError:
                break
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGSTOP, signal.SIGKILL):
        try:
            os.kill(1, number)
        except OSError:
            continue
    os._exit(7)


if __name__ == "__main__":
    globals()[sys.argv[1]](*sys.argv[2:])
