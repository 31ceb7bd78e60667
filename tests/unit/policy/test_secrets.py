"""A change that would publish a credential is held back, without repeating it."""

import pytest

from agent.models.change import Severity
from agent.policy.content import secrets
from tests.unit.policy.cases import Snippet

TOKEN = "ghp_" + "aB3dE6gH9" * 4


@pytest.mark.parametrize(
    "files", [{"shop/mail.py": f"TOKEN = '{TOKEN}'\n"}, {f"docs/{TOKEN}.md": "hello\n"}]
)
def test_a_credential_in_a_file_or_its_name_is_found_and_stays_unsaid(files):
    (finding,) = secrets.check_change(Snippet(files).change_context())
    assert finding.severity is Severity.BLOCK
    assert TOKEN not in repr(finding)
