"""``launch deploy``: what a production deployment needs before, and whenever it is changed."""

from __future__ import annotations

import shutil
from pathlib import Path  # noqa: TC003 - typer reads it
from typing import Annotated

import typer

from launch_pipeline.cli.commands.up import shown_progress
from launch_pipeline.cli.console import out

HELP = "A production deployment: its secrets, its databases, its accounts. See docs/production.md."
PREPARE_EXAMPLES = """\
Make a folder of secrets, one file each, and beside it the files that people fill in.

What is there already stays as it is, so run it again after an upgrade. Slack's tokens stay empty: Slack
gives them, you paste them.

\b
Examples:
  launch deploy prepare production
  launch deploy prepare production --database db.internal:5432
"""
INIT_EXAMPLES = """\
Bring databases, migrations, roles, accounts and connections to what secrets, contacts and files say.

Compose runs it before anything starts. Run it again after you have changed one of them. It refuses to go on
where a secret is missing or is no secret.

\b
Environment:
  LAUNCH_SECRETS          folder of the secrets [default: /run/secrets]
  LAUNCH_CONTACTS         the contacts file
  LAUNCH_LAUNCHERS        Airflow users who may start launches, with commas between
  LAUNCH_SLACK_CHANNEL    id of the launch channel, where Slack is used
  LAUNCH_AIRFLOW_URL      how components reach the api-server [default: http://api-server:8080]

\b
Examples:
  launch deploy init
  docker compose run --rm init
"""
ENVIRONMENT_EXAMPLES = """\
Print the variables of every Airflow component in production, as docker-compose.yaml must have them.

\b
Examples:
  launch deploy environment
"""
READABLE_MODE = 0o755
"""For the containers' user; the folder around it is closed."""
CONNECTIONS = "connections.yaml"
WRITTEN_BY_PEOPLE = {
    "contacts.yaml": "include/contacts.example.yaml",
    "environments/production.yaml": "include/environments/production.example.yaml",
}
"""Not copied: nobody should launch with invented people."""

app = typer.Typer(help=HELP, no_args_is_help=True, rich_markup_mode=None)


@app.command("prepare", help=PREPARE_EXAMPLES)
def prepare(
    folder: Annotated[Path, typer.Argument(help="Folder of this deployment; it stays out of git")],
    database: Annotated[str, typer.Option(help="Host and port of PostgreSQL")] = "postgres:5432",
) -> None:
    """Make what is missing and say what a person must do."""
    from launch_pipeline.checklist.files import include_folder  # noqa: PLC0415
    from launch_pipeline.stack.secret_files import FILE_MODE, Secret, make_secrets  # noqa: PLC0415

    secrets, config = folder / "secrets", folder / "config"
    made = make_secrets(folder, database)
    for opened in (config, config / "environments"):
        opened.mkdir(exist_ok=True)
        opened.chmod(READABLE_MODE)
    connections = secrets / CONNECTIONS
    if not connections.exists():
        shutil.copyfile(include_folder() / "connections.example.yaml", connections)
        connections.chmod(FILE_MODE)
        made.append(connections)
    console = out()
    for path in made:
        console.print(f"[green]✓[/] {path}")
    console.print(f"{len(made)} made, the others were there.")
    for token in (secrets / name for name in (Secret.SLACK_BOT_TOKEN, Secret.SLACK_APP_TOKEN)):
        if not token.stat().st_size:
            console.print(f"[yellow]![/] {token} is empty: paste the token, or go without Slack.")
    for name, example in WRITTEN_BY_PEOPLE.items():
        if not (config / name).exists():
            console.print(f"[yellow]![/] {config / name} is missing: copy {example} there and fill it in.")


@app.command("init", help=INIT_EXAMPLES)
def init() -> None:
    """Run every step, and say what was changed."""
    from launch_pipeline.stack.deploying import DeploymentSettings, initialise  # noqa: PLC0415

    with shown_progress() as progress:
        said = initialise(DeploymentSettings.from_environment(), progress)
    console = out()
    for line in said:
        console.print(f"- {line}", markup=False)
    console.print(f"{len(said)} changed." if said else "Nothing had to be changed.")


@app.command("environment", help=ENVIRONMENT_EXAMPLES)
def environment() -> None:
    """Print it as YAML."""
    import yaml  # noqa: PLC0415

    from launch_pipeline.stack.production import shared_environment  # noqa: PLC0415

    typer.echo(yaml.safe_dump(dict(shared_environment()), sort_keys=False, width=200), nl=False)
