"""The `diptych` command."""

import signal
import sys
from collections.abc import Callable

_HELP = """\
usage: diptych COMMAND [ARGUMENTS]; each command has --help

  launch [PRESET]    make the embedded data set if needed, train, evaluate: the whole job
  train [PRESET]     train on a data set that is there; --resume RUN continues a run
  evaluate RUN       score a run on held-out images, beside two baselines
  translate RUN      translate a folder of images of any size, or change their label
  sample RUN         draw new pictures: from noise, of a label, between two pictures
  verify RUN         check that all files of a run are what was written
  shard KIND         make shards from images: pairs, unpaired, earth, glyphs ...; verify checks them
  table NAME         train the rows of a paper's comparison, and print both
  sweep              search loss weights and architectures with Ray Tune
  presets            list the presets\
"""


def main(argv: list[str] | None = None) -> int:
    """Run one command. Returns 0 for success, 1 for a failure that was explained, 2 for wrong usage."""
    arguments = sys.argv[1:] if argv is None else argv
    if not arguments or arguments[0] in ("-h", "--help", "help"):
        print(_HELP)
        return 0 if arguments else 2
    return _run(arguments)


def _run(arguments: list[str]) -> int:
    # Not above: help waits for nothing.
    from sharding.console import discard_output, guard_terminal, make_console
    from sharding.errors import DatasetError
    from trainer.config.errors import ConfigError
    from trainer.ranks.threads import share_cores

    share_cores()
    guard_terminal()
    command = _COMMANDS.get(arguments[0])
    console = make_console(stderr=True)
    if command is None:
        console.error(f"no command {arguments[0]!r}; there are: {', '.join(_COMMANDS)}.")
        return 2
    try:
        return command(arguments[1:])
    except (ConfigError, DatasetError) as error:
        console.error(error)
        return 2 if isinstance(error, ConfigError) else 1
    except KeyboardInterrupt:
        console.error("interrupted; what is written is whole.", title="stopped:")
        return 128 + signal.SIGINT
    except BrokenPipeError:  # as after `| head`: nobody is there to be told
        discard_output(sys.stdout)
        return 128 + signal.SIGPIPE


def _launch(argv: list[str]) -> int:
    from launch.commands.train import launch_command

    return launch_command(argv)


def _train(argv: list[str]) -> int:
    from launch.commands.train import train_command

    return train_command(argv)


def _evaluate(argv: list[str]) -> int:
    import tyro

    from launch.commands.evaluate import EvaluateOptions, evaluate_command

    return evaluate_command(tyro.cli(EvaluateOptions, args=argv, prog="diptych evaluate"))


def _translate(argv: list[str]) -> int:
    import tyro

    from launch.commands.evaluate import TranslateOptions, translate_command

    return translate_command(tyro.cli(TranslateOptions, args=argv, prog="diptych translate"))


def _sample(argv: list[str]) -> int:
    import tyro

    from launch.commands.evaluate import SampleOptions, sample_command

    return sample_command(tyro.cli(SampleOptions, args=argv, prog="diptych sample"))


def _verify(argv: list[str]) -> int:
    from launch.commands.verify import verify_command

    return verify_command(argv)


def _shard(argv: list[str]) -> int:
    from sharding.cli import main as shard

    return shard(argv)


def _sweep(argv: list[str]) -> int:
    from sweeps.cli import sweep_command

    return sweep_command(argv)


def _table(argv: list[str]) -> int:
    from sweeps.tables.run import table_command

    return table_command(argv)


def _presets(argv: list[str]) -> int:
    from trainer.presets import describe_preset, preset_names

    for name in preset_names():
        print(f"{name}\n    {describe_preset(name).splitlines()[0]}")
    return 0


_COMMANDS: dict[str, Callable[[list[str]], int]] = {
    "launch": _launch,
    "train": _train,
    "evaluate": _evaluate,
    "translate": _translate,
    "sample": _sample,
    "verify": _verify,
    "shard": _shard,
    "sweep": _sweep,
    "table": _table,
    "presets": _presets,
}

if __name__ == "__main__":
    sys.exit(main())
