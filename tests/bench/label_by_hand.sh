#!/usr/bin/env bash
# What a person types to do the ticket of an issue, edits excepted: those come as a patch.
# label_by_hand.sh REPOSITORY_API TOKEN ISSUE CLONE VENV REQUIREMENTS PATCH WORKTREE BRANCH MARKS
set -eu
api=$1 token=$2 issue=$3
shift 3
clone=$1 branch=$6 marks=$7

mark() { # a builtin's time, so that looking at the clock starts no process
  echo "$EPOCHREALTIME $1" >>"$marks"
}

post() { # post PATH JSON
  curl --silent --show-error --fail --output /dev/null --data "$2" \
    -H "Authorization: token $token" -H "Accept: application/vnd.github+json" "$api/$1"
}

mark begin
post "issues/$issue/comments" '{"body": "I am on it."}'
mark sign
git -C "$clone" pull --quiet --ff-only
mark fetch
"$(dirname "$0")/by_hand.sh" "$@"
mark handed
git -C "$clone" push --quiet origin "refs/heads/$branch"
post pulls "{\"title\": \"By hand\", \"head\": \"$branch\", \"base\": \"main\", \"body\": \"Closes #$issue\"}"
mark "pull request"
