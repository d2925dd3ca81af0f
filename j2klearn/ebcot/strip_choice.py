"""The choice of the transform for a picture that is coded in parts."""

from __future__ import annotations

from dataclasses import replace

from ..core.progress import silent
from ..core.run import Run
from ..core.targets import Targets
from ..models.model import Model
from .coders import LearnedCoder
from .encode import coder_of, doubtful
from .layout import Layout
from .probe import Probe
from .rate_control import RateControl

__all__ = ["loses_on_probe", "worth_comparing"]

#: The learned transform has to be better on the windows by this many dB: the whole picture may differ from them.
_MARGIN = 0.1


def worth_comparing(probe: Probe, layout: Layout, model: Model, targets: Targets, run: Run) -> bool:
    """Return whether the 9/7 may be better than a learned transform; arguments are those of `loses_on_probe`."""
    coder, last = _learned(probe, layout, model, targets, run)
    return doubtful(coder, last)


def loses_on_probe(probe: Probe, layout: Layout, model: Model, targets: Targets, run: Run) -> bool:
    """Return whether the 9/7 is about as good as a learned transform, or better, on the windows of a probe.

    Parameters
    ----------
    probe : Probe
        The probe of the picture.
    layout : Layout
        The layout of the whole picture.
    model : Model
        The learned transform.
    targets : Targets
        Sizes of the layers, as if the windows were the whole picture.
    run : Run
        Threads.
    """
    coder, last = _learned(probe, layout, model, targets, run)
    rival = coder_of(coder.picture, coder.layout, "9-7", last, coder.run, probe=probe)
    learned, other = (
        control.reached(control.finished(control.coder.code(last.values)), 1)
        for control in (RateControl(coder), RateControl(rival))
    )
    return learned < other + _MARGIN


def _learned(
    probe: Probe, layout: Layout, model: Model, targets: Targets, run: Run
) -> tuple[LearnedCoder, Targets]:
    """Return the learned coder of the windows, side by side, and the target of the last layer."""
    picture = probe.mosaic()
    layout = Layout.read(picture.height, picture.width, codeblock_size=layout.codeblock_size)
    last = replace(targets, values=targets.values[-1:])
    return LearnedCoder(picture, layout, model, last, replace(run, progress=silent), probe=probe), last
