"""`diptych plan [PRESET]`: what a run would take: arithmetic, memory, hours and disk, before it is begun."""

from launch.arguments import parse_on_preset
from launch.plan_options import PlanOptions
from trainer.config.section import check_bounds

_ABOUT = (
    "What `diptych train` with the same words would take: parameters and arithmetic of each player, the memory of a "
    "rank, the largest batch that fits, hours, and room for checkpoints. A few steps are taken on this machine, and "
    "nothing is kept. Exit status 2: it cannot fit."
)


def main(argv: list[str]) -> int:
    """Print the plan. Returns the exit status: 2 if the run cannot fit.

    Raises:
        ConfigError: an impossible setting, or more than memory can hold.
        DatasetError: the data set is damaged.
    """
    options = parse_on_preset(argv, begin=lambda config: PlanOptions(config=config), prog="diptych plan", about=_ABOUT)
    check_bounds(options)
    options.config.data.share_cache()
    from launch.planning import print_plan  # what measures is not for who is told of a mistake

    return print_plan(options)
