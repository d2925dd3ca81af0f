"""Encoding of a picture in memory by the EBCOT profile."""

from __future__ import annotations

from ..core.picture import Picture
from ..core.run import Run
from ..core.targets import Targets
from ..models.model import Model
from .coders import Coder, LearnedCoder, OrdinaryCoder
from .effort import check_effort, learned_file, measured
from .layout import Layout
from .rate_control import RateControl
from .transform_choice import worth_measuring

__all__ = ["coder_of", "encode_picture"]


def coder_of(
    picture: Picture,
    layout: Layout,
    transform: Model | str,
    targets: Targets,
    run: Run,
    *,
    embed_model: bool = False,
) -> Coder:
    """Return the coder for a picture and a transform.

    Parameters
    ----------
    picture : Picture
        The picture.
    layout : Layout
        Tiles, precincts, progression and marker segments of the codestream.
    transform : Model or {"9-7", "5-3"}
        A learned transform, or a wavelet of T.800.
    targets : Targets
        Sizes or PSNRs of the layers.
    run : Run
        Threads and progress.
    embed_model : bool
        Whether the file carries the weights of the learned transform.
    """
    if isinstance(transform, str):
        return OrdinaryCoder(picture, layout, run, reversible=transform == "5-3")
    return LearnedCoder(picture, layout, transform, targets, run, embed_model=embed_model)


def encode_picture(
    picture: Picture,
    layout: Layout,
    transform: Model | str,
    targets: Targets,
    run: Run,
    *,
    embed_model: bool = False,
    fallback: bool = True,
    effort: int = 0,
    jp2: bool = True,
) -> bytes:
    """Encode a picture.

    Parameters
    ----------
    picture, layout, transform, targets, run, embed_model
        As in `coder_of`.
    fallback : bool
        Whether to try the wavelets of T.800 too if the learned transform might lose, and to return the best file.
    effort : int
        One of `j2klearn.ebcot.effort.EFFORTS`. From 1 on, all pictures are measured (with `fallback`); 2 also fits the
        coefficients to the decoder. It has no effect on wavelets of T.800.
    jp2 : bool
        Return a JP2 file if true, else the codestream alone.

    Returns
    -------
    bytes
        The file.

    Raises
    ------
    OptionError
        If the effort is not one of `EFFORTS`.
    """
    check_effort(effort)
    control = RateControl(
        coder_of(picture, layout, transform, targets, run, embed_model=embed_model), jp2=jp2
    )
    size = max(targets.values) if targets.kind == "bytes" else None
    if isinstance(transform, str):
        file = control.made(targets)
    elif fallback and (effort or worth_measuring(picture.samples, size)):
        file = measured(control, targets, effort)
    else:
        file = learned_file(control, targets, effort)
    run.progress(1.0, "done")
    return file.data
