"""The verb `serve`: the annotation server, Prefect's server and a worker with all deployments, from one command."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from flows.orchestration import Prefect

port = click.IntRange(0, 65535)


@click.command()
@click.option(
    "--data",
    metavar="DIR",
    type=click.Path(path_type=Path),
    default=Path("data/annotation"),
    show_default=True,
    help="Folder of both databases, secrets and logs.",
)
@click.option("--port-prefect", type=port, default=4200, show_default=True, help="Prefect; 0: any that is free.")
@click.option("--port-annotation", type=port, default=6900, show_default=True, help="Annotation; 0: any that is free.")
@click.option("--annotators", type=click.IntRange(1, 1000), default=2, show_default=True, help="Accounts to have.")
def serve(data: Path, port_prefect: int, port_annotation: int, annotators: int) -> None:
    """Run Prefect, a worker and the annotation server.

    Goes on until Ctrl-C, and listens on this machine only. The deployments of `prefect.yaml`, which is in the folder
    where this is started, are registered anew at each start.
    """
    from annotation.server.address import free_port, require_free
    from annotation.server.launch import Settings
    from annotation.server.serving import serving
    from flows.console import say
    from flows.orchestration import HOST, orchestrating, require_deployments

    def tell(text: str) -> None:
        say(text, err=True)

    require_deployments()
    for option, asked in (("--port-prefect", port_prefect), ("--port-annotation", port_annotation)):
        require_free(HOST, asked, f"{option} {asked}:")
    with (
        serving(Settings(data, HOST, port_annotation, annotators), tell) as annotation,
        orchestrating(port_prefect or free_port(HOST), annotation) as prefect,
    ):
        for line in annotation.prepared():
            say(line)
        _show(prefect)
        annotation.watch(tell, prefect.group)
    say("stopped", err=True)


def _show(prefect: "Prefect") -> None:
    """Say where everything is, and how to go on."""
    from flows.console import say
    from flows.orchestration import deployments

    annotation = prefect.annotation
    say(f"annotation server: {annotation.url}")
    say(f"who can sign in: {', '.join(account.username for account in annotation.accounts)}")
    say(f"their passwords and API keys: {annotation.data.accounts}")
    say(f"Prefect: {prefect.url}")
    say(f"deployments: {', '.join(deployments(prefect))}")
    for id in prefect.crashed:
        say(f"ended before it was done, and can be retried: prefect flow-run retry {id}")
    say(f"in another shell: export PREFECT_API_URL={prefect.url}/api")
    say("Ctrl-C stops it all; the data stays")
