"""``j2klearn structures``: print the cost of training configurations, next to the figures of P1, Table III."""

from __future__ import annotations

import argparse
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import OptionError
from ..training.shipped import CONTEXT, configurations, shipped_configs
from .arguments import Commands

if TYPE_CHECKING:
    from ..models.cost import Cost, Published

__all__ = ["add_parser", "row"]

_HEADER = (
    f"{'configuration':<25} {'weights':>8} {'paper':>6}   "
    f"{'support':>9} {'paper':>9}   {'reads':>9} {'kMAC/pixel':>11}"
)


def _read(path: Path) -> dict[str, Any]:
    try:
        model = tomllib.loads(path.read_text(encoding="utf-8")).get("model")
    except (OSError, ValueError) as error:
        raise OptionError(f"{path} is not a training configuration: {error}") from None
    if not isinstance(model, dict):
        raise OptionError(f"{path} is not a training configuration: it has no table [model]")
    return model


def row(name: str, cost: Cost, published: Published | None) -> str:
    """Return one line of the table.

    Parameters
    ----------
    name : str
        Name of the configuration.
    cost : Cost
        Its measured cost.
    published : Published or None
        The figures of P1, Table III, if the paper has this configuration.
    """
    weights = f"{published.parameters}K" if published else ""
    support = f"{published.support}x{published.support}" if published else ""
    return (
        f"{name:<25} {cost.parameters:>8,} {weights:>6}   {f'{cost.support}x{cost.support}':>9} {support:>9}   "
        f"{'{}x{}'.format(*cost.reads):>9} {cost.macs / 1000:>11.1f}"
    )


_ENTROPY_HEADER = (
    f"{'configuration':<27} {'kind':<16} {'weights':>11}   "
    f"{'kMAC/pixel':>10} {'of luma':>10} {'of chroma':>10}"
)


def _entropy_row(path: Path) -> str:
    from ..neural.cost import entropy_cost
    from ..training.context.settings import read_context_config
    from ..training.cross.settings import read_cross_config
    from ..training.settings import read_tables

    kind = read_tables(path)[0].get("kind", "context")
    config = read_cross_config(path).entropy if kind == "cross-component" else read_context_config(path)[0]
    found = entropy_cost(config)
    macs = " ".join(f"{part / 1000:>10.1f}" for part in (found.macs, found.first, found.others))
    return f"{path.stem:<27} {config['kind']:<16} {found.parameters:>11,}   {macs}"


def _run_entropy(paths: list[Path]) -> None:
    print(_ENTROPY_HEADER)
    for path in paths or shipped_configs(CONTEXT):
        print(_entropy_row(path))


def _run(options: argparse.Namespace) -> None:
    if options.entropy:
        _run_entropy(options.configs)
        return
    from ..models.cost import PAPER, cost

    configs = {path.stem: _read(path) for path in options.configs} or configurations()
    print(_HEADER)
    for name in sorted(configs, key=lambda name: (list(PAPER).index(name) if name in PAPER else 99, name)):
        print(row(name, cost(configs[name]), PAPER.get(name)))


def add_parser(commands: Commands[argparse.ArgumentParser], help: str) -> None:
    """Add the command to those of the command line."""
    parser = commands.add_parser(
        "structures",
        help=help,
        description="Print the cost of each training configuration. Columns: the number of weights; the region of "
        "support, counted as in Table III of the paper, with the paper's figures next to both; the height and width, "
        "in pixels, of the area whose subband samples a pixel depends on through one level, measured by "
        "back-propagation; and thousands of multiply-accumulates per pixel over all levels. With --entropy, print "
        "the cost of entropy models: the number of weights, and thousands of multiply-accumulates per pixel of a "
        "colour picture.",
    )
    parser.add_argument(
        "--entropy", action="store_true", help="print configurations of entropy models instead"
    )
    parser.add_argument(
        "configs",
        type=Path,
        nargs="*",
        metavar="CONFIG",
        help="TOML files (default: the configurations of the package)",
    )
    parser.set_defaults(run=_run)
