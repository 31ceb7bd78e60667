"""A stand-in for GitHub on this machine, as strict as GitHub where leniency would hide mistakes.

Base address `http://127.0.0.1:PORT`: REST below `/api/v3`, GraphQL at `/api/graphql`, git and
pages at `/OWNER/NAME` (the shape of GitHub Enterprise, which every client knows). Imports nothing
of the product, so a mistake in the client cannot be repeated here.

Where to look: `world` (state and set-up in Python), `records` (what the state is made of),
`serving` (`running(world)` for tests, `serve` for the command), `app` (all routes together),
`routes/` (one module per area), `shapes/` (records as GitHub's JSON), `access` (who may do what),
`registration` (an App from a manifest), `git_store` and `git_http` (repositories on disk and over
HTTP), `push_rules` (which push is refused), `events` and `hooks` (what is delivered, and how),
`limits`, `faults`.

Whoever reaches the port can set anything up: it has no password and belongs on loopback.
Own end points, all JSON, none of them at GitHub:

    GET    /_simulator                      addresses, user and repository names
    POST   /_simulator/users                {login, kind?: User|Bot|Organization, name?}
                                            -> {login, id, token}
    POST   /_simulator/tokens               {login, scopes?, seconds?} -> {token}
    POST   /_simulator/repositories         {full_name, source?: folder or repository, private?,
                                            drafts?, description?, default_branch?}
    PATCH  /_simulator/repositories/O/N     {name?, archived?, private?, drafts?, default_branch?,
                                            issues?}
    DELETE /_simulator/repositories/O/N
    PUT    /_simulator/repositories/O/N/roles/LOGIN   {role}; none takes the role away
    POST   /_simulator/repositories/O/N/labels        {name, color?, description?}
    POST   /_simulator/repositories/O/N/rules         {pattern, kinds: [...], classic?,
                                            exempt?: [LOGIN, ...]} (`records.Rule`)
    DELETE /_simulator/repositories/O/N/rules
    POST   /_simulator/repositories/O/N/hooks         {url, secret?, events?} -> {id}
    POST   /_simulator/apps                 {slug, owner, permissions?, events?, hook_url?,
                                            hook_secret?} -> {id, slug, private_key}
    PATCH  /_simulator/apps/ID              {hook_url?, hook_secret?, hook_active?, events?}
    POST   /_simulator/installations        {app_id, account, repositories?, permissions?} -> {id}
    PATCH  /_simulator/installations/ID     {repositories?, permissions?, suspended?}
    DELETE /_simulator/installations/ID     as when the owner removes the App
    POST   /_simulator/transfers            {repository, number, to}: move an issue
    POST   /_simulator/tokens/expire        {login? | installation_id?}: all tokens end now
    POST   /_simulator/clock                {advance: seconds}
    PATCH  /_simulator/limits               {core?, points?, content?, content_hourly?,
                                            concurrent?, token_seconds?}
    GET    /_simulator/requests?since=N&path=GLOB    what was asked: {total, requests: [...]}
    DELETE /_simulator/requests
    POST   /_simulator/faults               one fault, see below -> {id}
    GET    /_simulator/faults   DELETE /_simulator/faults   DELETE /_simulator/faults/ID
    POST   /_simulator/hook-faults          {kind: lose|duplicate|reorder|delay, event?, count?,
                                            seconds?}
    DELETE /_simulator/hook-faults
    GET    /_simulator/deliveries           every delivery with request, answer and state
    POST   /_simulator/deliveries/drain     wait until all are out: {seconds?} -> {drained}

A fault meets requests by `method` ("*" for any), `path` (shell pattern over the whole path, for
example `/api/v3/repos/*/pulls` or `/*/git-receive-pack`) and `contains` (text in the body);
it lets the first `after` pass and then holds `count` times (null: until taken away). `kind`:

    refuse         answer `status`, `body` (JSON or text), `headers`; nothing is performed
    primary        403 (or `status`) as at the hourly limit: x-ratelimit-remaining 0, reset in
                   `seconds`
    secondary      403 (or `status` 429) as at a secondary limit; Retry-After of `seconds`,
                   none if null
    html           `status` (default 200) with a page in place of JSON; nothing is performed
    redirect       `status` (301, 302, 307) to `location`
    delay          wait `seconds`, then perform
    drop           close the connection without a byte; nothing is performed
    perform_refuse perform, then answer `status` (default 502)
    perform_drop   perform, then close the connection without a byte
    cut            perform, then answer half of the JSON, well-formed HTTP
    truncate       perform, then close the connection in the middle of the answer
    expire         end all tokens, then look at the request
    uninstall      remove every App from every account, then look at the request

Git's HTTP library and some others send a request again by themselves when a kept connection ends
without a byte: for one lost push take `count` null and remove the fault afterwards.
"""
