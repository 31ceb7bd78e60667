"""Set-up, faults and looking in, over HTTP; the package's docstring lists the end points."""

from __future__ import annotations

from fastapi import APIRouter, HTTPException, Request, Response
from fastapi.responses import JSONResponse

from agent.demo.simulator import events, hooks, request_log, setup_bodies
from agent.demo.simulator.faults import Fault
from agent.demo.simulator.hooks import HookFault
from agent.demo.simulator.records import Installation, Repository
from agent.demo.simulator.world import SetupError, World


def router(world: World) -> APIRouter:
    """Make the routes below `/_simulator`."""
    made = APIRouter(prefix="/_simulator")
    for add in (
        _people,
        _repositories,
        _inside,
        _apps,
        _installations,
        _state,
        _faults,
        _deliveries,
    ):
        add(made, world)
    return made


def answer_setup_error(request: Request, problem: Exception) -> Response:
    """Answer for what set-up cannot do."""
    return JSONResponse({"message": str(problem)}, 422)


def _people(made: APIRouter, world: World) -> None:
    @made.get("")
    def overview() -> object:
        with world.lock:
            return {
                "base_url": world.base_url,
                "api": f"{world.base_url}/api/v3",
                "graphql": f"{world.base_url}/api/graphql",
                "users": [one.login for one in world.users.values()],
                "repositories": [one.full_name for one in world.repositories.values()],
                "apps": [{"id": one.id, "slug": one.slug} for one in world.apps.values()],
                "installations": list(world.installations),
            }

    @made.post("/users", status_code=201)
    def add_user(sent: setup_bodies.User) -> object:
        user = world.add_user(sent.login, sent.kind, sent.name)  # type: ignore[arg-type]
        token = world.token_for(user.login) if user.kind == "User" else None
        return {"login": user.login, "id": user.id, "token": token}

    @made.post("/tokens", status_code=201)
    def add_token(sent: setup_bodies.Token) -> object:
        return {"token": world.token_for(sent.login, sent.scopes, sent.seconds)}

    @made.post("/tokens/expire")
    def expire(sent: setup_bodies.Expire) -> object:
        user = world.user(sent.login) if sent.login else None
        chosen = _installation(world, sent.installation_id) if sent.installation_id else None
        return {"expired": world.expire_tokens(installation=chosen, user=user)}


def _repositories(made: APIRouter, world: World) -> None:
    @made.post("/repositories", status_code=201)
    def add(sent: setup_bodies.Repository) -> object:
        one = world.add_repository(
            sent.full_name,
            sent.source,
            private=sent.private,
            drafts=sent.drafts,
            default_branch=sent.default_branch,
            description=sent.description,
        )
        return _shown(world, one)

    @made.patch("/repositories/{owner}/{name}")
    def change(owner: str, name: str, sent: setup_bodies.Changed) -> object:
        with world.lock:
            one = world.repository(f"{owner}/{name}")
            for field, value in sent.model_dump(exclude_none=True).items():
                if field == "name":
                    world.rename(one, value)
                elif field == "default_branch":
                    world.set_default_branch(one, value)
                else:
                    setattr(one, "issues_enabled" if field == "issues" else field, value)
            return _shown(world, one)

    @made.delete("/repositories/{owner}/{name}", status_code=204)
    def remove(owner: str, name: str) -> None:
        world.remove_repository(world.repository(f"{owner}/{name}"))


def _inside(made: APIRouter, world: World) -> None:
    """Add what there is inside a repository."""

    @made.put("/repositories/{owner}/{name}/roles/{login}", status_code=204)
    def grant(owner: str, name: str, login: str, sent: setup_bodies.Granted) -> None:
        world.grant(world.repository(f"{owner}/{name}"), login, sent.role)

    @made.post("/repositories/{owner}/{name}/labels", status_code=201)
    def add_label(owner: str, name: str, sent: setup_bodies.Label) -> object:
        one = world.repository(f"{owner}/{name}")
        return {"id": world.add_label(one, sent.name, sent.color, sent.description).id}

    @made.post("/repositories/{owner}/{name}/rules", status_code=201)
    def add_rule(owner: str, name: str, sent: setup_bodies.Rule) -> object:
        one = world.repository(f"{owner}/{name}")
        made = world.add_rule(
            one, sent.pattern, sent.kinds, classic=sent.classic, exempt=sent.exempt
        )
        return {"id": made.id}

    @made.delete("/repositories/{owner}/{name}/rules", status_code=204)
    def remove_rules(owner: str, name: str) -> None:
        with world.lock:
            world.repository(f"{owner}/{name}").rules.clear()

    @made.post("/repositories/{owner}/{name}/hooks", status_code=201)
    def add_hook(owner: str, name: str, sent: setup_bodies.Hook) -> object:
        with world.lock:
            one = world.repository(f"{owner}/{name}")
            hook = world.add_repository_hook(one, sent.url, sent.secret, sent.events)
            events.ping(world, hook, one.owner)
            return {"id": hook.id}

    @made.post("/transfers", status_code=201)
    def transfer(sent: setup_bodies.Transfer) -> object:
        with world.lock:
            source, target = world.repository(sent.repository), world.repository(sent.to)
            by = world.user(sent.by) if sent.by else source.owner
            moved = world.transfer(source, sent.number, target, by)
            return {"repository": target.full_name, "number": moved.number}


def _shown(world: World, one: Repository) -> dict[str, object]:
    return {
        "id": one.id,
        "full_name": one.full_name,
        "default_branch": one.default_branch,
        "clone_url": f"{world.base_url}/{one.full_name}.git",
    }


def _installation(world: World, number: int) -> Installation:
    found = world.installations.get(number)
    if found is None:
        raise SetupError(f"there is no installation {number}")
    return found


def _apps(made: APIRouter, world: World) -> None:
    @made.post("/apps", status_code=201)
    def add(sent: setup_bodies.App) -> object:
        with world.lock:
            app = world.add_app(
                sent.slug,
                sent.owner,
                sent.permissions,
                sent.events,
                sent.hook_url,
                sent.hook_secret,
            )
            if sent.hook_url:
                events.ping(world, app.hook, app.owner)
            return {"id": app.id, "slug": app.slug, "private_key": app.private_key}

    @made.patch("/apps/{number}")
    def change(number: int, sent: setup_bodies.ChangedApp) -> object:
        with world.lock:
            app = world.apps.get(number)
            if app is None:
                raise SetupError(f"there is no App {number}")
            hook, before = app.hook, app.hook.url
            hook.url = hook.url if sent.hook_url is None else sent.hook_url
            hook.secret = hook.secret if sent.hook_secret is None else sent.hook_secret
            hook.active = hook.active if sent.hook_active is None else sent.hook_active
            hook.events = hook.events if sent.events is None else tuple(sent.events)
            if hook.url and hook.url != before:
                events.ping(world, hook, app.owner)
            return {"id": app.id, "hook_url": hook.url}


def _installations(made: APIRouter, world: World) -> None:
    @made.post("/installations", status_code=201)
    def install(sent: setup_bodies.Installation) -> object:
        with world.lock:
            app = world.apps.get(sent.app_id)
            if app is None:
                raise SetupError(f"there is no App {sent.app_id}")
            chosen = None
            if sent.repositories is not None:
                chosen = [world.repository(name) for name in sent.repositories]
            return {"id": world.install(app, sent.account, chosen, sent.permissions).id}

    @made.patch("/installations/{number}")
    def change_installation(number: int, sent: setup_bodies.ChangedInstallation) -> object:
        with world.lock:
            one = _installation(world, number)
            if sent.repositories is not None:
                world.narrow(one, [world.repository(name) for name in sent.repositories])
            if sent.permissions is not None:
                one.permissions = dict(sent.permissions)
            if sent.suspended is not None:
                one.suspended = world.now() if sent.suspended else None
                action = "suspend" if sent.suspended else "unsuspend"
                events.installation_changed(world, one, action)
            return {"id": one.id}

    @made.delete("/installations/{number}", status_code=204)
    def uninstall(number: int) -> None:
        world.uninstall(_installation(world, number))


def _state(made: APIRouter, world: World) -> None:
    @made.post("/clock")
    def clock(sent: setup_bodies.Clock) -> object:
        world.clock_offset += sent.advance
        return {"now": world.now()}

    @made.patch("/limits")
    def limits(sent: setup_bodies.Limits) -> object:
        for field, value in sent.model_dump(exclude_none=True).items():
            if field == "token_seconds":
                world.token_seconds = value
            else:
                setattr(world.limits, field, value)
        return sent.model_dump(exclude_none=True)

    @made.get("/requests")
    def requests(since: int = 0, path: str = "*", method: str = "*") -> object:
        found = world.requests.find(path, since, method)
        return {"total": len(found), "requests": [request_log.as_json(one) for one in found]}

    @made.delete("/requests", status_code=204)
    def clear() -> None:
        world.requests.clear()


def _faults(made: APIRouter, world: World) -> None:
    @made.get("/faults")
    def listing() -> object:
        return {"faults": world.faults.listing()}

    @made.post("/faults", status_code=201)
    def add(sent: setup_bodies.Fault) -> object:
        if sent.kind == "redirect" and not sent.location:
            raise HTTPException(422, "a redirect needs a location")
        return {"id": world.faults.add(Fault(**sent.model_dump()))}

    @made.delete("/faults", status_code=204)
    def remove_all() -> None:
        world.faults.remove()

    @made.delete("/faults/{number}", status_code=204)
    def remove(number: int) -> None:
        world.faults.remove(number)

    @made.post("/hook-faults", status_code=201)
    def add_hook_fault(sent: setup_bodies.HookFault) -> object:
        world.hooks.faults.append(HookFault(**sent.model_dump()))
        return {"faults": [hooks.fault_as_json(one) for one in world.hooks.faults]}

    @made.delete("/hook-faults", status_code=204)
    def remove_hook_faults() -> None:
        world.hooks.faults.clear()


def _deliveries(made: APIRouter, world: World) -> None:
    @made.get("/deliveries")
    def listing() -> object:
        return {"deliveries": [hooks.as_json(one) for one in list(world.hooks.log)]}

    @made.post("/deliveries/drain")
    def drain(sent: setup_bodies.Drain) -> object:
        return {"drained": world.hooks.drain(sent.seconds)}
