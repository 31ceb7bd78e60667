#!/usr/bin/env bash
# What a person types to do the ticket of the demo, edits excepted: those come as a patch.
# by_hand.sh REPOSITORY VENV REQUIREMENTS PATCH WORKTREE BRANCH MARKS
set -eu
repository=$1 venv=$2 requirements=$3 patch=$4 work=$5 branch=$6 marks=$7

mark() { # a builtin's time, so that looking at the clock starts no process
  echo "$EPOCHREALTIME $1" >>"$marks"
}

mark start
git -C "$repository" worktree add --quiet -b "$branch" "$work"
cd "$work"
mark checkout
if [ ! -d "$venv" ]; then
  uv venv --quiet --python "$BASE_PYTHON" "$venv"
  VIRTUAL_ENV=$venv uv pip install --quiet -r "$requirements"
fi
export PATH="$venv/bin:$PATH"
mark environment
git apply "$patch"
python manage.py makemigrations
mark edit
ruff check .
mark "ruff check"
python manage.py check
mark "django check"
python manage.py makemigrations --check --dry-run
mark makemigrations
mypy
mark mypy
python -m pytest -q
mark tests
git add --all
git commit --quiet --message "Do the ticket by hand"
mark publish
