"""RX4: nothing gets out of a sandbox by any way, but to the package index where that is meant."""

import json
import os
from contextlib import closing

from agent.models.record import replace
from agent.models.sandbox import Mount, SandboxFile, SandboxLimits, SandboxRequest
from agent.setup.gateway import Gateway
from agent.setup.package_index import HostPort
from tests.attacks import ground as grounds
from tests.attacks import planted
from tests.sandboxes import PYTHON

LIMITS = SandboxLimits(seconds=120, disk_bytes=64 * 1024**2)
WAYS = {
    "tcp", "tcp6", "udp", "udp6", "dns", "http", "unix", "unix datagram", "abstract",
    "icmp", "icmp6",
}  # fmt: skip


def test_RX4_the_payload_gets_out_by_every_way_where_there_is_no_wall(ground):
    """The control of all tests that use the payload."""
    before = planted.state(*ground.watched())
    loot = grounds.bare(ground)
    # Only root may listen to the others.
    ways = WAYS if os.geteuid() == 0 else WAYS - {"icmp", "icmp6"}
    assert ground.canary.ways() == ways
    assert set(loot["done"]) >= ways
    # Of other tests that run at the same time it finds some as well.
    assert set(loot["loot"]) >= set(ground.operator.secrets.values())
    assert ground.leaks() == set(ground.operator.secrets)
    after = planted.state(*ground.watched())
    assert {path for path in ground.aim["spoil"] if before[path] != after[path]} == set(
        ground.aim["spoil"]
    )
    assert any("planted-by-control" in path for path in after)


def test_RX4_nothing_gets_out_of_a_sandbox(ground, witness):
    """Neither of one that only looks, nor of one that a folder is lent to."""
    before = planted.state(*ground.watched())
    tree, lent = ground.folder / "tree", ground.folder / "lent"
    for folder in (tree, lent):
        folder.mkdir()
    (tree / "module.py").write_text("value = 1\n")
    shown = Mount(source=str(ground.folder / "neighbour"), target="/gate")
    for label, mounts in {
        "a plain sandbox": (shown,),
        "a sandbox with a lent folder": (
            shown,
            Mount(source=str(lent), target="/env", writable=True),
        ),
    }.items():
        result = witness.run(
            SandboxRequest(
                argv=(*PYTHON, ground.payload(label)), tree=str(tree), mounts=mounts, limits=LIMITS
            )
        )
        assert result.exit_code == 0, result.output
    assert witness.labels() == {"a plain sandbox", "a sandbox with a lent folder"}
    # What is lent may be written to: that is what it is lent for.
    assert witness.achieved() == {"a sandbox with a lent folder: plant in /env"}
    assert ground.canary.silent()
    assert ground.leaks(*witness.printed) == set()
    assert planted.state(*ground.watched()) == before
    assert list(tree.iterdir()) == [tree / "module.py"]


#: Says each request to the gateway and prints the first line of what comes back.
ASKING = """
import json, os, socket
said = {}
for name, request in json.load(open("/tmp/requests.json")).items():
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(30)
        client.connect("/sandbox/proxy.sock")
        client.sendall(request.encode("latin-1"))
        try:
            answer = client.recv(4096)
            if answer.startswith(b"HTTP/1.1 200 Conn"):
                client.sendall(b"through the tunnel")
                answer += client.recv(4096)
        except OSError as problem:
            answer = repr(problem).encode()
    said[name] = answer.decode("latin-1").partition("\\r\\n")[0]
print(json.dumps(said))
"""


def test_RX4_the_way_to_the_index_leads_nowhere_else(ground, sandbox, home):
    """By a gateway that knows one host on this machine, as an index may be one."""
    http, tcp = ground.canary.ports["http"], ground.canary.ports["tcp"]
    there, secret = f"127.0.0.1:{http}", "cnry-pushed"
    body = f"Content-Length: {len(secret)}\r\n\r\n{secret}"
    requests = {
        "the index": f"GET http://{there}/simple/ HTTP/1.1\r\nHost: {there}\r\n\r\n",
        "a push behind it": f"GET http://{there}/next/ HTTP/1.1\r\n\r\nPOST /legacy/ HTTP/1.1\r\n{body}",
        "a push": f"POST http://{there}/legacy/ HTTP/1.1\r\nHost: {there}\r\n{body}",
        "a put": f"PUT http://{there}/x HTTP/1.1\r\n{body}",
        "a push in lower case": f"post http://{there}/legacy/ HTTP/1.1\r\nHost: {there}\r\n{body}",
        "another port": f"CONNECT 127.0.0.1:{tcp} HTTP/1.1\r\n\r\n",
        "another port, plain": f"GET http://127.0.0.1:{tcp}/ HTTP/1.1\r\n\r\n",
        "a name for it": f"CONNECT localhost:{tcp} HTTP/1.1\r\n\r\n",
        "a number for it": f"CONNECT 2130706433:{tcp} HTTP/1.1\r\n\r\n",
        "a short form": f"CONNECT 127.1:{tcp} HTTP/1.1\r\n\r\n",
        "as version 6": f"CONNECT [::ffff:127.0.0.1]:{tcp} HTTP/1.1\r\n\r\n",
        "version 6": f"CONNECT [::1]:{ground.canary.ports['tcp6']} HTTP/1.1\r\n\r\n",
        "a user of that name": f"GET http://{there}@127.0.0.1:{tcp}/ HTTP/1.1\r\n\r\n",
        "a host of its own": f"GET http://127.0.0.1:{tcp}/ HTTP/1.1\r\nHost: {there}\r\n\r\n",
        "metadata": "CONNECT 169.254.169.254:80 HTTP/1.1\r\n\r\n",
        "a file": "GET file:///etc/passwd HTTP/1.1\r\n\r\n",
    }
    order = SandboxRequest(
        argv=(*PYTHON, ASKING),
        files=(SandboxFile(path="/tmp/requests.json", content=json.dumps(requests).encode()),),
        limits=LIMITS,
    )
    index = HostPort("127.0.0.1", http)
    with closing(Gateway(home, [index])) as gateway:
        result = sandbox.run(replace(order, outlet=gateway.outlet))
    answers = json.loads(result.output)
    for name in ("the index", "a push behind it"):
        assert answers.pop(name) == "HTTP/1.1 200 OK"
    refused = {name: line for name, line in answers.items() if " 40" not in line}
    assert not refused
    assert ground.canary.ways() == {"http"}
    heard = [words.partition(b" HTTP")[0] for _, words in ground.canary.heard]
    assert heard == [b"GET /simple/", b"GET /next/"]
    assert secret.encode() not in ground.canary.words()
    # Each attempt is known afterwards, and by which name.
    for words in (f"127.0.0.1:{tcp} (", f"localhost:{tcp} (", "169.254.169.254:80 (", "'POST'"):
        assert any(words in attempt for attempt in gateway.refused_attempts), (
            gateway.refused_attempts
        )
