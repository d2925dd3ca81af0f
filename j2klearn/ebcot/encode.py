"""Encoding of a picture in memory by the EBCOT profile."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext

from ..core.picture import Picture
from ..core.pytorch import need_pytorch
from ..core.run import Run
from ..core.targets import Targets
from ..models.model import Model
from .coders import Coder, LearnedCoder
from .effort import check_effort, learned_file, measured
from .layout import Layout
from .lossless_file import lossless_file, reversibility_note
from .made_file import MadeFile
from .missed import report
from .probe import Probe
from .rate_control import RateControl
from .reversible_coder import ReversibleCoder
from .transform_choice import worth_measuring
from .weighted_coder import wavelet_coder

__all__ = ["bounds", "coder_of", "doubtful", "encode_picture"]

#: Colour pictures with more bits per sample are always measured.
_HIGH_COLOUR_RATE = 0.75


def coder_of(
    picture: Picture,
    layout: Layout,
    transform: Model | str,
    targets: Targets,
    run: Run,
    *,
    embed_model: bool = False,
    probe: Probe | None = None,
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
        Sizes or PSNRs of the layers, and what the file is tuned for.
    run : Run
        Threads and progress.
    embed_model : bool
        Whether the file carries the weights of the learned transform.
    probe : Probe, optional
        The probe of the whole picture, if `picture` is a part of it.
    """
    if isinstance(transform, Model) and transform.reversible:
        return ReversibleCoder(picture, layout, transform, run, embed_model=embed_model)
    if isinstance(transform, str):
        return wavelet_coder(picture, layout, transform, targets, run, probe=probe)
    return LearnedCoder(picture, layout, transform, targets, run, embed_model=embed_model, probe=probe)


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
        coefficients to the decoder, unless the file is lossless. It has no effect on wavelets of T.800.
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

    Warns
    -----
    TargetMissedWarning
        If the file misses a target.
    """
    check_effort(effort)
    with bounds(transform, run, effort):
        file = _made(picture, layout, transform, targets, run, embed_model, fallback, effort, jp2)
        report(file, picture, targets, run.threads)
    run.progress(1.0, "done")
    return file.data


def _made(
    picture: Picture,
    layout: Layout,
    transform: Model | str,
    targets: Targets,
    run: Run,
    embed_model: bool,
    fallback: bool,
    effort: int,
    jp2: bool,
) -> MadeFile:
    if isinstance(transform, Model) and transform.reversible:
        return lossless_file(picture, layout, transform, targets, run, embed_model, fallback, jp2, effort)
    control = RateControl(
        coder_of(picture, layout, transform, targets, run, embed_model=embed_model),
        jp2=jp2,
        note=reversibility_note(transform, targets),
    )
    if isinstance(transform, str):
        return control.made(targets)
    assert isinstance(control.coder, LearnedCoder)
    if fallback and (effort or doubtful(control.coder, targets)):
        return measured(control, targets, effort)
    return learned_file(control, targets, effort)


def doubtful(coder: LearnedCoder, targets: Targets) -> bool:
    """Return whether a wavelet of T.800 may be better than the learned transform, which is trained on photographs.

    Parameters
    ----------
    coder : LearnedCoder
        The coder of the picture.
    targets : Targets
        Sizes or PSNRs of the layers.
    """
    picture = coder.picture
    size = max(targets.values) if targets.kind == "bytes" else None
    if coder.embed_model:
        return worth_measuring(
            picture.samples, size
        )  # the weights are wanted, although they make the file larger
    if coder.normalisation or picture.bit_depth != 8:
        return True
    # the networks leave chroma unimproved, and at high rates they may be worse than the 9/7
    if picture.ict and size is not None and 8 * size > _HIGH_COLOUR_RATE * picture.samples.size:
        return True
    return worth_measuring(picture.samples, size)


def bounds(transform: Model | str, run: Run, effort: int = 0) -> AbstractContextManager[None]:
    """Return a context that bounds the threads of PyTorch, if the transform or the effort needs PyTorch."""
    if isinstance(transform, str) or (transform.engine_name == "native" and effort < 2):
        return nullcontext()
    need_pytorch(
        "effort=2" if effort >= 2 else f"the learned transform of {transform.name}, in floating point,"
    )
    from ..transform.threads import bounded

    return bounded(run.threads)
