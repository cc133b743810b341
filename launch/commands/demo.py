"""`diptych demo RUN`: a page to play with a run: draw or upload a picture, and see what becomes of it."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from launch.listening import address, is_open, listen
from launch.machine.devices import Device, choose_device
from sharding.console import make_console
from trainer.checkpoints.given import require_given
from trainer.config.data import DataPlace
from trainer.inference.usage import AS_THE_METHOD, Usage
from trainer.runs.opened import open_run
from trainer.runs.rundir import RunDir

_LOCAL = ("127.0.0.1", "::1", "localhost")


@dataclass(frozen=True, kw_only=True)
class DemoOptions:
    """Serve a page where a run can be played with, until Ctrl-C. Nothing that is sent to it is kept."""

    run: Annotated[tyro.conf.Positional[Path], tyro.conf.arg(metavar="RUN")]
    """Folder of the run, e.g. runs/NAME."""
    host: str = "127.0.0.1"
    """Address to listen on: by default this machine alone can open the page; 0.0.0.0 lets in whoever reaches it."""
    port: int = 7860
    """Port to listen on; 0 for any that is free."""
    checkpoint: Path | None = None
    """A folder in RUN/checkpoints, or best (see checkpoint.keep-best of `diptych train`); the newest if not given."""
    device: Device = "auto"
    """`auto`: a GPU if there is one."""
    data_path: Annotated[DataPlace | None, tyro.conf.arg(name="data.path")] = None
    """Where the run's data set lies now, if it was moved: its pictures are the page's examples."""
    usage: Annotated[Usage, tyro.conf.arg(name="")] = AS_THE_METHOD


def main(argv: list[str]) -> int:
    """Serve until interrupted. Returns the exit status. Raises ConfigError with a message for the user."""
    options = tyro.cli(DemoOptions, args=argv, prog="diptych demo")
    opened = open_run(RunDir(options.run), data_path=options.data_path, needs_data=False)
    require_given(options.checkpoint, checkpoints=opened.run.checkpoints)
    with listen(options.host, options.port) as listener:
        from trainer.demo.server import demo_app
        from trainer.demo.service import DemoService
        from trainer.inference.translator import load_translator
        from trainer.study.serving import serve_app

        device = choose_device(options.device)
        translator, position = load_translator(
            opened, device=device, checkpoint=options.checkpoint, usage=options.usage
        )
        service = DemoService(opened, translator, position=position, device=device)
        console = make_console()
        if is_open(options.host):
            console.print("note: every machine that reaches this one can open the page, and it is sent unencrypted.")
        console.print(f"{address(options.host, listener)} (Ctrl-C ends it)", soft_wrap=True)
        serve_app(demo_app(service, hosts=_LOCAL if options.host in _LOCAL else ("*",)), listener)
    return 0
