"""The command line. Each command loads only the rooms it needs; what goes wrong is one line, not a traceback."""

from __future__ import annotations

import asyncio
import os
import sys
import tomllib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Final
from zoneinfo import ZoneInfo

import asyncpg
import pydantic
import typer

from callcenter.basics import logs
from callcenter.basics.errors import BadRequest, CallCenterError, SetupFailed
from callcenter.basics.settings import Settings

cli = typer.Typer(
    name="callcenter", help="A contact centre on Asterisk.", no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False
)

_prompts = typer.Typer(help="Speak the prompts that are missing; list them, or replace them by own recordings.")
cli.add_typer(_prompts, name="prompts")

_PROJECT: Final = Path(__file__).resolve().parents[1]
SQL_DIR: Final = _PROJECT / "sql"
"""The migrations, found beside the package wherever the command is given."""


def main() -> None:
    """Run a command; exit code 1 with one line when it can't be done."""
    try:
        cli()
    except CallCenterError as error:
        typer.echo(f"✗ {error}", err=True)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)


def _settings() -> Settings:
    """The settings, logs set up by them. What is written from here on is for our own user's eyes: logs name callers."""
    os.umask(0o077)
    try:
        settings = Settings()
    except pydantic.ValidationError as error:
        faults = "; ".join(f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}" for fault in error.errors())
        raise SetupFailed(f"The settings can't be used: {faults}", "Mend callcenter.toml or the CALLCENTER_ variable.") from None
    except tomllib.TOMLDecodeError as error:
        raise SetupFailed(f"callcenter.toml can't be read: {error}", "Mend it.") from None
    logs.set_up(json=settings.log_json, level=settings.log_level)
    return settings


@asynccontextmanager
async def _database(settings: Settings) -> AsyncIterator[asyncpg.Pool]:
    """The database, for as long as a command needs it."""
    from callcenter.database import pool as database

    try:
        pool = await database.connect(settings.dsn)
    except (OSError, asyncpg.PostgresError) as error:
        raise SetupFailed(
            f"Postgres can't be reached: {error}", "Start the centre with 'make run', or set CALLCENTER_POSTGRES_DSN."
        ) from error
    try:
        yield pool
    finally:
        await pool.close()


@cli.command()
def run() -> None:
    """Run the whole centre in the foreground."""
    from callcenter.embedded import centre, locate
    from callcenter.embedded.supervisor import tell_on_stderr

    settings = _settings()

    async def migrate_schema() -> None:
        from callcenter.database.migrate import migrate as bring_up

        await bring_up(settings.dsn, SQL_DIR)

    async def lay_demo() -> None:
        from callcenter import demo

        async with _database(settings) as pool:
            await demo.lay(pool, settings)

    async def render_asterisk(place: locate.AsteriskPlace) -> None:
        from callcenter.app import render_asterisk as write

        async with _database(settings) as pool:
            await write(settings, pool, place)

    between = centre.Between(migrate=migrate_schema, lay_demo=lay_demo, render=render_asterisk)
    asyncio.run(centre.run(settings, between, tell_on_stderr))


@cli.command()
def worker() -> None:
    """Control the calls and serve the console; Postgres, Redis and Asterisk must run."""
    from callcenter.app import run_worker
    from callcenter.embedded import locate

    settings = _settings()
    run_worker(settings, locate.asterisk(settings) if settings.asterisk_embedded else locate.elsewhere(settings))


@cli.command()
def migrate() -> None:
    """Bring the database's schema up to date."""
    from callcenter.database.migrate import migrate as bring_up

    settings = _settings()
    done = asyncio.run(bring_up(settings.dsn, SQL_DIR))
    typer.echo("\n".join(done) if done else "The schema is up to date.")


@cli.command()
def render() -> None:
    """Write Asterisk's configuration from the database; tells the files that changed."""
    from callcenter.app import render_asterisk as write
    from callcenter.embedded import locate

    settings = _settings()
    place = locate.asterisk(settings) if settings.asterisk_embedded else locate.elsewhere(settings)

    async def work() -> set[str]:
        async with _database(settings) as pool:
            return await write(settings, pool, place)

    changed = asyncio.run(work())
    typer.echo("\n".join(sorted(changed)) if changed else "Nothing has changed.")


@_prompts.callback(invoke_without_command=True)
def prompts(context: typer.Context) -> None:
    """Speak the prompts that are missing; own recordings stay. With a command: list, replace, take back."""
    from callcenter.ivr import prompts as spoken

    if context.invoked_subcommand:
        return
    settings = _settings()
    settings.prompts_dir.mkdir(parents=True, exist_ok=True)

    def progress(done: int, of: int) -> None:
        typer.echo(f"{done} of {of} prompts")

    asyncio.run(spoken.synthesise(settings.prompts_dir, progress=progress))


_LANGUAGE: Final = typer.Argument(help="zh or en.")
_PROMPT: Final = typer.Argument(help="A name of the list, agents/NUMBER, or own/NAME for menus of your own.")


@_prompts.command("list")
def list_prompts(own: Annotated[bool, typer.Option("--own", help="Only own recordings.")] = False) -> None:
    """Every prompt: language, name, whose voice, seconds, what it says; a line each, with tabs."""
    from callcenter.ivr.prompt_files import spoken_agents
    from callcenter.ivr.prompt_list import list_prompts as every

    folder = _settings().prompts_dir
    for prompt in every(folder, spoken_agents(folder)):
        if prompt.source == "own" or not own:
            lasts = "-" if prompt.length_s is None else f"{prompt.length_s:.2f}"
            typer.echo("\t".join((prompt.language, prompt.name, prompt.source, lasts, prompt.text)))


@_prompts.command("import")
def import_prompt(
    language: Annotated[str, _LANGUAGE],
    name: Annotated[str, _PROMPT],
    file: Annotated[Path, typer.Argument(help="A wav or mp3, at most 20 MB and 10 minutes.")],
) -> None:
    """Let callers hear an own recording in a prompt's place, from the next play on."""
    from callcenter.ivr.own_recordings import import_recording
    from callcenter.ivr.prompt_list import read_language, text_of

    settings, spoken = _settings(), read_language(language)
    if not file.is_file():
        raise BadRequest(f"There is no file {file}")

    async def work() -> float:
        text_of(spoken, name, await _agent_numbers(settings) if name.startswith("agents/") else ())
        return await import_recording(settings.prompts_dir, spoken, name, file)

    typer.echo(f"{language}/{name}: {asyncio.run(work()):.2f} s")


@_prompts.command("remove")
def remove_prompt(language: Annotated[str, _LANGUAGE], name: Annotated[str, _PROMPT]) -> None:
    """Take an own recording back; callers hear the synthesised prompt again."""
    from callcenter.ivr.own_recordings import remove_recording
    from callcenter.ivr.prompt_list import read_language

    if not remove_recording(_settings().prompts_dir, read_language(language), name):
        raise BadRequest(f"There is no own recording of {language}/{name}")
    typer.echo(f"{language}/{name}: taken back")


async def _agent_numbers(settings: Settings) -> list[str]:
    from callcenter.acd import store as acd

    async with _database(settings) as pool:
        return [agent.number for agent in await acd.read_agents(pool)]


@cli.command()
def user(
    name: Annotated[str, typer.Argument(help="The name to sign in with.")],
    role: Annotated[str, typer.Option(help="admin, supervisor or agent; for a new user.")] = "agent",
    agent: Annotated[str | None, typer.Option(help="The agent's number, for a new user who is one.")] = None,
    reset: Annotated[bool, typer.Option("--reset", help="Give an existing user a new password.")] = False,
) -> None:
    """Add a user, or reset a password. The password is read from standard input, or asked for on a terminal."""
    from callcenter.console import accounts

    settings = _settings()
    if sys.stdin.isatty():
        password: str = typer.prompt("Password", hide_input=True, confirmation_prompt=True)
    else:
        password = sys.stdin.readline().rstrip("\n")
    if not password:
        raise BadRequest("No password was given; type one, or pipe it in")

    async def work() -> None:
        async with _database(settings) as pool:
            if reset:
                await accounts.set_password(pool, name=name, password=password)
            else:
                await accounts.add_user(pool, name=name, role=role, password=password, agent=agent)

    asyncio.run(work())
    typer.echo(f"{name} can sign in.")


@cli.command()
def queue_log(
    begin: Annotated[
        datetime | None, typer.Option("--from", help="This moment or later, by the centre's clock; today when not given.")
    ] = None,
    end: Annotated[datetime | None, typer.Option("--to", help="Before this moment; now when not given.")] = None,
) -> None:
    """Write app_queue's queue_log of a time, for QueueMetrics, Asternic and the like."""
    from contextlib import aclosing

    from callcenter.basics import clock
    from callcenter.reports import service
    from callcenter.reports.periods import midnight

    settings = _settings()
    zone = ZoneInfo(settings.timezone)
    now = clock.utc_now()
    since = begin.replace(tzinfo=zone) if begin else midnight(now, zone)
    until = end.replace(tzinfo=zone) if end else now

    async def work() -> None:
        async with _database(settings) as pool, aclosing(service.queue_log(pool, since, until)) as lines:
            async for line in lines:
                sys.stdout.write(line)

    asyncio.run(work())


@cli.command()
def replay(  # noqa: PLR0917 - a command's options
    day: Annotated[datetime, typer.Argument(formats=["%Y-%m-%d"], help="A day that is over, in the centre's zone: 2026-11-20.")],
    rules: Annotated[Path | None, typer.Option(help="Changed rules: a .json or .toml file.")] = None,
    settings_: Annotated[list[str] | None, typer.Option("--set", help="One change: queue.sales.strategy=fewest_calls. Repeatable.")] = None,
    queue: Annotated[str | None, typer.Option(help="Show this queue only.")] = None,
    patience: Annotated[str, typer.Option(help="Of answered callers. own: endless; day: drawn from the day's callers.")] = "own",
    formula: Annotated[str, typer.Option(help="Which service level.")] = "genesys_sl",
    threshold: Annotated[int | None, typer.Option(min=1, max=3600, help="T in seconds; each queue's own when not given.")] = None,
    seed: Annotated[int, typer.Option(help="For what is drawn; the same seed gives the same replay.")] = 1,
    json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
) -> None:
    """Replay a past day's calls by the rules as they are, and by changed ones, side by side."""
    import msgspec

    from callcenter.embedded import redis as embedded
    from callcenter.live import connection
    from callcenter.replay import changes, figures, service

    settings = _settings()
    if patience not in ("own", "day"):
        raise BadRequest(f"patience: {patience!r:.20} is neither own nor day", field="patience")
    wish = service.Wish(
        day=day.date(), changes=changes.put(_changes_of(rules) if rules else {}, settings_ or ()), queue=queue, seed=seed,
        draws_patience=patience == "day", formula=formula, threshold_s=threshold,
    )  # fmt: skip

    def told(calls: int, seconds: float) -> None:
        typer.echo(f"{calls} callers replayed in {seconds:.1f} s", err=True)

    async def work() -> service.Comparison:
        async with _database(settings) as pool, embedded.scratch() as url:
            redis = await connection.connect(url)
            try:
                return await service.replay(pool, redis, ZoneInfo(settings.timezone), wish, told)
            finally:
                await redis.aclose()

    found = asyncio.run(work())
    if json:
        typer.echo(msgspec.json.encode(found).decode())
        return
    typer.echo(f"{found.day} ({found.zone}), service level {found.formula}, patience {found.patience}, seed {found.seed}\n")
    typer.echo(figures.as_table(found.columns, queue))
    typer.echo("\n".join(f"Note: {note}." for note in found.notes))


def _changes_of(file: Path) -> dict[str, Any]:
    from callcenter.replay import changes

    try:
        return changes.read_changes(file.read_text(encoding="utf-8"), "json" if file.suffix == ".json" else "toml")
    except (OSError, UnicodeDecodeError) as error:
        raise BadRequest(f"rules: {file} can't be read: {error}", field="rules") from None


@cli.command()
def doctor() -> None:
    """Say what this machine lacks and how to cure it."""
    from callcenter.embedded import doctor as examination

    findings = asyncio.run(examination.examine(_settings()))
    for finding in findings:
        typer.echo(str(finding))
    if any(finding.is_fatal for finding in findings):
        raise typer.Exit(1)


@cli.command()
def version() -> None:
    """The versions of this centre and of the Asterisk it would run."""
    from importlib import metadata

    from callcenter.embedded import locate

    try:
        own = metadata.version("callcenter")
    except metadata.PackageNotFoundError:
        own = "of this checkout"
    typer.echo(f"callcenter {own}, Python {sys.version.split()[0]}")
    typer.echo(f"Asterisk {locate.asterisk(_settings()).version}")
