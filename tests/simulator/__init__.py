"""A stand-in for GitHub on this machine, as strict as GitHub where leniency would hide mistakes.

Base address `http://127.0.0.1:PORT`: REST below `/api/v3`, GraphQL at `/api/graphql`, git at
`/OWNER/NAME.git`, pages at `/OWNER/NAME/issues/N` and `/OWNER/NAME/pull/N`. It imports nothing of
the product, so a mistake in the client cannot be repeated here. It knows the operations that the
product calls, and has no password: it belongs on loopback.

Modules:

    world, records          the state, and the records it consists of
    serving                 `running(world)`
    calls                   permissions of callers
    issues, pulls, checks, apps, repositories, graphql    the operations
    shapes                  records as GitHub's JSON
    actions, pull_actions   actions of people
    git_store, git_http     repositories
    pages                   what people see of it
    hooks                   deliveries
"""
