"""``launch deploy``: prepare and initialise a production deployment."""

from __future__ import annotations

import shutil
from pathlib import Path  # noqa: TC003 - typer reads it
from typing import Annotated

import typer

from launch_pipeline.cli.commands.up import shown_progress
from launch_pipeline.cli.console import out

HELP = "Prepare and initialise a production deployment. See docs/production.md."
PREPARE_EXAMPLES = """\
Create a folder with the secrets of a deployment, one file each, and a folder for its configuration.

Existing files are not changed, so run it again after an upgrade. Slack's tokens stay empty: copy them from
Slack.

\b
Examples:
  launch deploy prepare production
  launch deploy prepare production --database db.internal:5432
"""
INIT_EXAMPLES = """\
Update databases, migrations, roles, accounts and connections to match secrets, contacts and files.

Compose runs it before anything else starts. Run it again after you have changed one of these files. It stops
if a secret is missing or unsafe.

\b
Environment:
  LAUNCH_SECRETS          folder of the secrets [default: /run/secrets]
  LAUNCH_CONTACTS         the contacts file
  LAUNCH_LAUNCHERS        Airflow users who may start launches, separated by commas
  LAUNCH_SLACK_CHANNEL    id of the launch channel, if Slack is used
  LAUNCH_AIRFLOW_URL      how components reach the api-server [default: http://api-server:8080]

\b
Examples:
  launch deploy init
  docker compose run --rm init
"""
ENVIRONMENT_EXAMPLES = """\
Print the environment variables that docker-compose.yaml must give to every Airflow component.

\b
Examples:
  launch deploy environment
"""
READABLE_MODE = 0o755
"""So that the containers' user can read it; the folder around it is closed to others."""
WRITTEN_BY_PEOPLE = {
    "contacts.yaml": "include/contacts.example.yaml",
    "environments/production.yaml": "include/environments/production.example.yaml",
}
"""Not copied: a launch must not run with the invented people of an example."""

app = typer.Typer(help=HELP, no_args_is_help=True, rich_markup_mode=None)


@app.command("prepare", help=PREPARE_EXAMPLES)
def prepare(
    folder: Annotated[Path, typer.Argument(help="Folder of this deployment; keep it out of git")],
    database: Annotated[str, typer.Option(help="Host and port of PostgreSQL")] = "postgres:5432",
) -> None:
    """Create what is missing, and list what remains to be done by hand."""
    from launch_pipeline.checklist.files import include_folder  # noqa: PLC0415
    from launch_pipeline.stack.secret_files import CONNECTIONS_FILE, FILE_MODE, Secret, make_secrets  # noqa: PLC0415

    secrets, config = folder / "secrets", folder / "config"
    made = make_secrets(folder, database)
    for opened in (config, config / "environments"):
        opened.mkdir(exist_ok=True)
        opened.chmod(READABLE_MODE)
    connections = secrets / CONNECTIONS_FILE
    if not connections.exists():
        shutil.copyfile(include_folder() / "connections.example.yaml", connections)
        connections.chmod(FILE_MODE)
        made.append(connections)
    console = out()
    for path in made:
        console.print(f"[green]✓[/] {path}")
    console.print(f"{len(made)} files created; the others were there.")
    for token in (secrets / name for name in (Secret.SLACK_BOT_TOKEN, Secret.SLACK_APP_TOKEN)):
        if not token.stat().st_size:
            console.print(
                f"[yellow]![/] {token} is empty: paste the token, or leave it empty to go without Slack."
            )
    for name, example in WRITTEN_BY_PEOPLE.items():
        if not (config / name).exists():
            console.print(f"[yellow]![/] {config / name} is missing: copy {example} there and fill it in.")


@app.command("init", help=INIT_EXAMPLES)
def init() -> None:
    """Run every step, and print what was changed."""
    from launch_pipeline.stack.deploying import DeploymentSettings, initialise  # noqa: PLC0415

    with shown_progress() as progress:
        said = initialise(DeploymentSettings.from_environment(), progress)
    console = out()
    for line in said:
        console.print(f"- {line}", markup=False)
    console.print(f"{len(said)} changed." if said else "Nothing had to be changed.")


@app.command("environment", help=ENVIRONMENT_EXAMPLES)
def environment() -> None:
    """Print the variables as YAML."""
    import yaml  # noqa: PLC0415

    from launch_pipeline.stack.production import shared_environment  # noqa: PLC0415

    typer.echo(yaml.safe_dump(dict(shared_environment()), sort_keys=False, width=200), nl=False)
