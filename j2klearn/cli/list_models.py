"""``j2klearn models``: list the installed models."""

from __future__ import annotations

import argparse

from .arguments import Commands

__all__ = ["add_parser"]


def _run(_: argparse.Namespace) -> None:
    from ..models.registry import DEFAULT_LOSSLESS_MODEL, DEFAULT_MODEL, shipped
    from ..neural.encode import DEFAULT_LOSSLESS, DEFAULT_LOSSY
    from ..neural.registry import entropy_cards

    for name, model in shipped().items():
        default = ", the default" if name == DEFAULT_MODEL else ""
        if name == DEFAULT_LOSSLESS_MODEL:
            default = ", the default of lossless files"
        kind = " in integers" if model.integer else ""
        print(f"{name}{default}: {model.parameters} weights{kind} on the {model.config['base']}")
        print(f"    id {model.id.hex()}")
    for name, model_id, config in entropy_cards():
        transform = config["transform"]
        default = ", a default" if name in (DEFAULT_LOSSY, DEFAULT_LOSSLESS) else ""
        transform_name = transform if isinstance(transform, str) else transform["name"]
        print(f"{name}{default}: for the neural profile, on the transform {transform_name}")
        print(f"    id {model_id.hex()}")


def add_parser(commands: Commands[argparse.ArgumentParser], help: str) -> None:
    """Add the command to those of the command line."""
    parser = commands.add_parser(
        "models",
        help=help,
        description="List the models that come with j2klearn: for each learned transform its number of weights, for "
        "each entropy model of the neural profile its transform, and the id that files store.",
    )
    parser.set_defaults(run=_run)
