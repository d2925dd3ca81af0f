"""What a better file takes: measuring which transform a picture wants, and fitting the coefficients to the decoder."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..core.targets import Targets
from ..errors import OptionError
from ..transform.colour import planes
from .coders import LearnedCoder, OrdinaryCoder
from .made_file import MadeFile
from .rate_control import PSNR_TOLERANCE, RateControl
from .transform_choice import NOTE, best, hopeless, order

if TYPE_CHECKING:
    from .fitting import Fitting

__all__ = ["EFFORTS", "check_effort", "learned_file", "measured"]

#: What `encode` takes for its effort.
EFFORTS = (0, 1, 2)

#: How often coefficients move: at first, and for each other size that is tried.
_ROUNDS, _MORE, _TRIES = 16, 6, 3

#: Bytes that fitted coefficients take over those that the rate proxy counts.
_COUNTED = 1.08

#: By how much the slope differs from one try to the next. Where there is no room for all that coefficients say,
#: OpenJPEG leaves out what it thinks the least of, which may be the better of two evils.
_FACTOR = 1.35

#: What fitting saves of a control that has to reach a PSNR, before it is known better.
_SAVED = 0.06


def check_effort(effort: int) -> None:
    """Refuse an effort that there is not.

    Raises
    ------
    OptionError
        If it is none of `EFFORTS`.
    """
    if effort not in EFFORTS:
        raise OptionError(f"the effort is one of {', '.join(map(str, EFFORTS))}, not {effort!r}")


def learned_file(control: RateControl, targets: Targets, effort: int = 0) -> MadeFile:
    """Return a file with the learned transform that meets the targets."""
    file = control.made(targets)
    return _fitted(control, file, targets) if effort >= 2 else file


def measured(learned: RateControl, targets: Targets, effort: int = 0) -> MadeFile:
    """Return the best of a learned file and of those with the wavelets of T.800, measuring no more than it takes.

    These are coded and decoded in a fraction of the time. The learned transform comes last, and is given up as soon as
    it cannot win.
    """
    files, made = {}, {}
    for name in ("9-7", "5-3"):
        other = OrdinaryCoder(learned.picture, learned.layout, learned.run, reversible=name == "5-3")
        files[name] = RateControl(other, jp2=learned.jp2, note=f"{NOTE}: {name}")
        made[name] = files[name].made(targets)
    if targets.kind == "psnr":
        smallest = min(made.values(), key=len)
        trial = learned.code([len(smallest)], again=True)
        if learned.reached(trial, 1) < targets.values[-1] - 2 * PSNR_TOLERANCE:
            return smallest
        return min(learned_file(learned, targets, effort), smallest, key=len)
    layers = range(1, len(targets.values) + 1)
    reached = {
        name: [control.reached(made[name], layer) for layer in layers] for name, control in files.items()
    }
    file = learned_file(learned, targets, effort)
    found: dict[int, float] = {}
    for layer in order(len(layers)):
        found[layer] = learned.reached(file, layer)
        if hopeless(found, reached):
            return made[best(reached)]
    made["learned"] = file
    return made[best({"learned": [found[layer] for layer in layers], **reached})]


def _fitted(control: RateControl, file: MadeFile, targets: Targets) -> MadeFile:
    """Return a learned file with coefficients fitted to the decoder, or the one that is there where none is better."""
    coder = control.coder
    assert isinstance(coder, LearnedCoder)
    fitting = _fitting(control, file)
    if targets.kind == "psnr":
        return _fitted_to_psnr(control, file, targets, fitting)
    layers, size = range(1, len(targets.values) + 1), targets.values[-1]
    bits = 8 * max(1.0, size - control.overhead(len(layers), size))

    def reached(file: MadeFile) -> float:
        return sum(control.reached(file, layer) for layer in layers) / len(layers)

    def tried(slope: float, rounds: int) -> MadeFile:
        coder.use(fitting.fit(slope, rounds).components)
        return control.made(targets)

    fitting.start(bits / _COUNTED)
    slope, factor = fitting.slope, 1 / _FACTOR
    kept = tried(slope, _ROUNDS)
    most, turned = reached(kept), False
    for _ in range(_TRIES):
        other = tried(slope * factor, _MORE)
        better = reached(other)
        if better > most:
            kept, most, slope, turned = other, better, slope * factor, True
        elif turned:
            break
        else:  # the other way
            factor, turned = 1 / factor, True
    return kept if most > reached(file) else file


def _fitted_to_psnr(control: RateControl, file: MadeFile, targets: Targets, fitting: Fitting) -> MadeFile:
    assert isinstance(control.coder, LearnedCoder)
    layers, kept, saved = len(targets.values), file, _SAVED
    for rounds in (_ROUNDS, _MORE):
        size = len(kept) * (1 - saved)
        bits = 8 * max(1.0, size - control.overhead(layers, size)) / _COUNTED
        if not fitting.slope:
            fitting.start(bits)
        control.coder.use(fitting.fit(fitting.slope, rounds).components)
        tried, saved = control.made(targets), 0.0
        if len(tried) < len(kept) and control.reached(tried, layers) >= targets.values[-1] - PSNR_TOLERANCE:
            kept = tried
    return kept


def _fitting(control: RateControl, file: MadeFile) -> Fitting:
    from .fitting import Fitting

    coder = control.coder
    assert isinstance(coder, LearnedCoder)
    learned = file.learned
    assert learned is not None
    return Fitting(
        planes(control.picture),
        coder.components(),
        model=coder.model,
        groups=coder.descriptor.groups,
        ict=control.picture.ict,
        lattice=learned.lattice,
        scales=coder.scales,
        noise=[learned.noise_map(index) for index in range(control.picture.components)],
    )
