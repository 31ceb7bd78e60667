"""GR2, GR4, GR7: what foreign code writes for git in a sandbox is nothing to the git of the host.

What hostile repositories do to it is in `test_git_attacks.py` and `test_remote_git.py`; git there
knows nothing of sandboxes.
"""

import os
import subprocess
from pathlib import Path

from agent.git import worktree
from agent.models.sandbox import SandboxLimits, SandboxRequest
from tests.attacks import planted
from tests.integration import git_samples as samples
from tests.integration.git_samples import git

#: Poisons all that git could look at, in every place that the sandbox lets it write to.
POISON = r"""
exec 2>&1
canary="$1"
poisoned() {
    printf '[core]\n\trepositoryformatversion = 0\n\tfsmonitor = "touch %s/fsmonitor"\n' "$canary"
    printf '[filter "evil"]\n\tclean = touch %s/clean\n\tsmudge = touch %s/smudge\n' "$canary" "$canary"
    printf '[diff]\n\texternal = "touch %s/external"\n' "$canary"
}
for place in . .. /home/sandbox /work/pkg /out; do
    cd "$place" || continue
    if [ -w . ] && mkdir -p .git/hooks .git/objects/info .git/refs/heads; then
        [ -e .git/HEAD ] || echo "ref: refs/heads/main" > .git/HEAD
        for hook in pre-commit post-checkout post-index-change reference-transaction pre-push; do
            printf '#!/bin/sh\ntouch "%s/hook-%s"\n' "$canary" "$hook" > .git/hooks/$hook
            chmod +x .git/hooks/$hook
        done
        poisoned >> .git/config
        echo "* filter=evil diff=evil" > .gitattributes
        echo done in "$place"
    fi
    cd /work
done
poisoned > /home/sandbox/.gitconfig
printf '/nowhere/objects\n' > /out/.git/objects/info/alternates
rm -rf pkg && ln -s / pkg
rm a.py && mkfifo a.py
ln /etc/passwd passwd; ln -s /etc/shadow shadow
echo "gitdir: /nowhere" > gitfile && ln -sf gitfile .gitmodules
exit 0
"""


def test_GR2_GR4_GR7_what_a_sandbox_writes_for_git_is_read_by_nobody(sandbox, home):
    canary = home / "canary"
    canary.mkdir(mode=0o777)
    canary.chmod(0o777)
    repository = samples.make(home / "project")
    checkout = worktree.prepare_checkout(str(repository), None, home / "mirrors")
    mirror = planted.state(Path(checkout.mirror))
    tree = worktree.lay_out(checkout, home / "tree")
    laid = planted.state(home / "tree")
    result = sandbox.run(
        SandboxRequest(
            argv=("/bin/sh", "-c", POISON, "sh", str(canary)),
            tree=str(home / "tree"),
            collect=("/work/*", "/out/*"),
            limits=SandboxLimits(seconds=120, returned_files=2000),
        )
    )
    assert "done in .\n" in result.output
    assert "done in /out\n" in result.output
    for name in ("a.py: pipe, socket or device", "shadow: symbolic link", "pkg: symbolic link"):
        assert any(name in refused for refused in result.refused), result.refused
    assert "/work/passwd" not in result.files
    assert planted.state(home / "tree") == laid

    tree = worktree.open_tree(checkout, home / "tree")
    tree.write("a.py", b"x = 1\ny = 2\n")
    change = samples.change(checkout, *tree.changes())
    worktree.make_diff(checkout, change)
    commit = worktree.make_commit(checkout, change, "Edit", date=1_700_000_000)
    branch = worktree.deliver_branch(checkout, commit, "mergewright/x")
    worktree.remove_work_tree(home / "tree")
    assert list(canary.iterdir()) == []
    assert git(repository, "diff", "--name-only", f"main..{branch}") == "a.py"
    kept = planted.state(Path(checkout.mirror))
    assert {path for path in mirror if kept.get(path) != mirror[path]} <= {
        path for path in mirror if path.endswith(".lock")
    }


def test_GR2_the_same_poison_works_on_a_git_that_reads_it(tmp_path):
    """The control, below a temporary folder and with a home of its own."""
    canary, work = tmp_path / "canary", samples.make(tmp_path / "work")
    canary.mkdir()
    script = POISON.replace("/work", str(work)).replace("/out", str(tmp_path))
    script = script.replace("/home/sandbox", str(tmp_path / "home")).replace(
        "for place in . ..", "for place in ."
    )
    script = script.replace("ln /etc/passwd passwd; ", "").replace("rm a.py && mkfifo a.py", "")
    environ = {"PATH": os.environ["PATH"], "HOME": str(tmp_path / "home")}
    (tmp_path / "home").mkdir()
    for command in (
        ["sh", "-c", script, "sh", str(canary)],
        ["git", "status"],
        ["git", "add", "-A"],
    ):
        subprocess.run(command, cwd=work, env=environ, timeout=60, check=False, capture_output=True)
    ran = {path.name for path in canary.iterdir()}
    assert {"fsmonitor"} & ran or {"global"} & ran
    assert "clean" in ran or "hook-post-index-change" in ran
