#!/usr/bin/env bash
# What a person types to do the ticket of an issue, edits excepted: those come as a patch.
# label_by_hand.sh REPOSITORY_API TOKEN ISSUE CLONE VENV PATCH WORKTREE BRANCH
set -eu
api=$1 token=$2 issue=$3 clone=$4 venv=$5 patch=$6 work=$7 branch=$8

post() { # post PATH JSON
  curl --silent --show-error --fail --output /dev/null --data "$2" \
    -H "Authorization: token $token" -H "Accept: application/vnd.github+json" "$api/$1"
}

post "issues/$issue/comments" '{"body": "I am on it."}'
git -C "$clone" pull --quiet --ff-only
git -C "$clone" worktree add --quiet -b "$branch" "$work"
cd "$work"
export PATH="$venv/bin:$PATH"
git apply "$patch"
python manage.py makemigrations
ruff check .
python manage.py check
python manage.py makemigrations --check --dry-run
mypy
python -m pytest -q
git add --all
git commit --quiet --message "Do the ticket by hand"
git push --quiet origin "refs/heads/$branch"
post pulls "{\"title\": \"By hand\", \"head\": \"$branch\", \"base\": \"main\", \"body\": \"Closes #$issue\"}"
