"""The audit log at the operator's address: every entry, also where the address is away."""

import json
import threading
from contextlib import closing
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from pydantic import SecretStr

from agent.service import audit_export
from agent.settings import Settings
from agent.store.sql_run_store import SqlRunStore


@pytest.fixture
def receiver():
    """Answers as its list says, and keeps what it has taken."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            status = made.answers.pop(0)
            if status == 204:
                made.taken += [json.loads(line) for line in body.splitlines()]
            self.send_response(status)
            self.end_headers()

        def log_message(self, *_):
            pass

    made = HTTPServer(("127.0.0.1", 0), Handler)
    made.answers, made.taken = [], []
    thread = threading.Thread(target=made.serve_forever, args=(0.01,))
    thread.start()
    yield made
    made.shutdown()
    thread.join()
    made.server_close()


def test_every_entry_is_sent_in_order_and_again_where_it_was_not_taken(tmp_path, receiver):
    address = SecretStr(f"http://127.0.0.1:{receiver.server_port}/audit?token=canary")
    loaded = Settings(home=tmp_path, audit_url=address)
    with closing(SqlRunStore(tmp_path)) as store:
        for number in range(3):
            store.audit.add("sign in", f"person{number}", "dashboard")
        receiver.answers = [500, 204]
        assert audit_export.send_entries(loaded, store.audit) > 1
        assert receiver.taken == []
        audit_export.send_entries(loaded, store.audit)
        store.audit.add("stop", "ann", "github", run="r1", repository="o/n")
        receiver.answers = [204]
        audit_export.send_entries(loaded, store.audit)
        audit_export.send_entries(loaded, store.audit)  # nothing is new, and nothing is sent
    assert [entry["by"] for entry in receiver.taken] == ["person0", "person1", "person2", "ann"]
    last = receiver.taken[-1]
    assert last.pop("at").endswith("+00:00")
    assert last == {
        "number": 4,
        "by": "ann",
        "via": "github",
        "action": "stop",
        "run": "r1",
        "repository": "o/n",
    }


def test_an_address_that_is_away_is_not_shown(tmp_path, capsys):
    loaded = Settings(home=tmp_path, audit_url=SecretStr("http://127.0.0.1:1/?token=canary"))
    with closing(SqlRunStore(tmp_path)) as store:
        store.audit.add("sign in", "ann", "dashboard")
        assert audit_export.send_entries(loaded, store.audit) == 60.0
        assert len(store.audit.list_unsent()) == 1
    out = capsys.readouterr()
    assert "canary" not in out.out + out.err
