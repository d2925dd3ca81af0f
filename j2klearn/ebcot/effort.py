"""The levels of encoder effort: choosing the transform by measurement, and fitting coefficients to the decoder."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..codestream.reversibility import MEASURED
from ..core.targets import Targets
from ..errors import OptionError
from .coders import LearnedCoder
from .made_file import MadeFile
from .missed import shortfall
from .rate_control import PSNR_TOLERANCE, RateControl
from .transform_choice import best, cannot_win, note_is_cheap, order
from .weighted_coder import wavelet_coder

if TYPE_CHECKING:
    from .fitting import Fitting

__all__ = ["EFFORTS", "check_effort", "learned_file", "measured"]

#: The values that `encode` accepts as its effort.
EFFORTS = (0, 1, 2)

#: Rounds in which coefficients move: in the first fit, and in each later one.
_FIRST_ROUNDS, _LATER_ROUNDS = 16, 6

#: Slopes to try after the first one.
_MAX_TRIES = 3

#: Ratio of the bytes that OpenJPEG writes for fitted coefficients to those that the rate proxy predicts.
_PROXY_RATIO = 1.08

#: Ratio of the slopes of two successive tries. A low slope makes more bits than fit into the file. OpenJPEG then drops
#: the coding passes that it considers least important, and the result may still be better.
_SLOPE_RATIO = 1.35

#: Share of the file size that fitting is first assumed to save at a given PSNR.
_EXPECTED_SAVING = 0.06


def check_effort(effort: int) -> None:
    """Check the effort option.

    Raises
    ------
    OptionError
        If the effort is not one of `EFFORTS`.
    """
    if effort not in EFFORTS:
        raise OptionError(f"the effort is one of {', '.join(map(str, EFFORTS))}, not {effort!r}")


def learned_file(control: RateControl, targets: Targets, effort: int = 0) -> MadeFile:
    """Return a file with the learned transform that meets the targets.

    Parameters
    ----------
    control : RateControl
        Rate control of a `LearnedCoder`.
    targets : Targets
        Sizes or PSNRs of the layers.
    effort : int
        One of `EFFORTS`; 2 fits the coefficients to the decoder.
    """
    file = control.made(targets)
    coder = control.coder
    assert isinstance(coder, LearnedCoder)
    # the quantiser steps of fitting serve all components
    uniform = len({rule.exponent for rule in coder.normalisation}) <= 1
    return _fitted(control, file, targets) if effort >= 2 and uniform else file


def measured(learned: RateControl, targets: Targets, effort: int = 0) -> MadeFile:
    """Return the best of three files: with the learned transform, the 9/7 and the 5/3.

    For sizes, the best file has the highest PSNR; see `j2klearn.ebcot.transform_choice.best`. Where the targets say so,
    its errors have visual weights. For a PSNR, it is the smallest file that reaches it, or the best one if none does.

    The wavelets of T.800 come first, because they are coded and decoded much faster. The measurement of the learned
    file stops as soon as it cannot win. The comment that names the winner is added at last, if it is cheap.

    Parameters
    ----------
    learned : RateControl
        Rate control of a `LearnedCoder`.
    targets, effort
        As in `learned_file`.
    """
    assert isinstance(learned.coder, LearnedCoder)
    psnr = targets.kind == "psnr"
    files, made = {}, {}
    for name in ("9-7", "5-3"):
        probe = learned.coder.probe
        other = wavelet_coder(learned.picture, learned.layout, name, targets, learned.run, probe=probe)
        files[name] = RateControl(other, jp2=learned.jp2, note=f"{MEASURED}: {name}" if psnr else "")
        made[name] = files[name].made(targets)
    if psnr:
        return _smallest(learned, list(made.values()), targets, effort)
    layers = range(1, len(targets.values) + 1)
    reached = {
        name: [control.reached(made[name], layer) for layer in layers] for name, control in files.items()
    }
    file = learned_file(learned, targets, effort)
    found: dict[int, float] = {}
    for layer in order(len(layers)):
        found[layer] = learned.reached(file, layer)
        if cannot_win(found, reached):
            break
    else:
        reached = {"learned": [found[layer] for layer in layers], **reached}
    name = best(reached)
    return file if name == "learned" else _noted(files[name], name, made[name], targets)


def _noted(control: RateControl, name: str, file: MadeFile, targets: Targets) -> MadeFile:
    """Return a file with the comment that its transform was chosen; `file` if the comment costs too much."""
    with_space = RateControl(control.coder, jp2=control.jp2, note=f"{MEASURED}: {name}")
    noted = with_space.noted(file)
    if len(noted) <= targets.values[-1] or not targets.values[-1]:
        return noted
    noted = with_space.made(targets)
    layers = range(1, len(targets.values) + 1)
    with_note, without = ([control.reached(made, layer) for layer in layers] for made in (noted, file))
    return noted if note_is_cheap(with_note, without) else file


def _smallest(learned: RateControl, files: list[MadeFile], targets: Targets, effort: int) -> MadeFile:
    """Return the smallest file whose last layer has its PSNR, of `files` and the learned one; else the nearest."""
    layers, goal = len(targets.values), targets.values[-1]

    def order(file: MadeFile) -> tuple[float, int]:
        return shortfall(file.psnr(learned.picture, layers, learned.run.threads), goal), len(file)

    rival = min(files, key=order)
    if not order(rival)[0]:
        trial = learned.code([len(rival)], again=True)
        if learned.reached(trial, 1) < goal - 2 * PSNR_TOLERANCE:
            return rival
    return min(learned_file(learned, targets, effort), rival, key=order)


def _fitted(control: RateControl, file: MadeFile, targets: Targets) -> MadeFile:
    """Return a learned file with coefficients fitted to the decoder, or `file` if no fitted file is better."""
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

    fitting.start(bits / _PROXY_RATIO)
    slope, factor = fitting.slope, 1 / _SLOPE_RATIO
    kept = tried(slope, _FIRST_ROUNDS)
    best_psnr, direction_known = reached(kept), False
    for _ in range(_MAX_TRIES):
        other = tried(slope * factor, _LATER_ROUNDS)
        psnr = reached(other)
        if psnr > best_psnr:
            kept, best_psnr, slope, direction_known = other, psnr, slope * factor, True
        elif direction_known:
            break
        else:
            factor, direction_known = 1 / factor, True
    return kept if best_psnr > reached(file) else file


def _fitted_to_psnr(control: RateControl, file: MadeFile, targets: Targets, fitting: Fitting) -> MadeFile:
    assert isinstance(control.coder, LearnedCoder)
    layers, kept, saving = len(targets.values), file, _EXPECTED_SAVING
    for rounds in (_FIRST_ROUNDS, _LATER_ROUNDS):
        size = len(kept) * (1 - saving)
        bits = 8 * max(1.0, size - control.overhead(layers, size)) / _PROXY_RATIO
        if not fitting.slope:
            fitting.start(bits)
        control.coder.use(fitting.fit(fitting.slope, rounds).components)
        tried, saving = control.made(targets), 0.0
        if len(tried) < len(kept) and control.reached(tried, layers) >= targets.values[-1] - PSNR_TOLERANCE:
            kept = tried
    return kept


def _fitting(control: RateControl, file: MadeFile) -> Fitting:
    from .fitting import Fitting

    coder = control.coder
    assert isinstance(coder, LearnedCoder)
    learned = file.learned
    assert learned is not None
    factor = float(coder.normalisation[0].factor) if coder.normalisation else 1.0
    return Fitting(
        coder.planes(control.picture),
        coder.components(),
        model=coder.model,
        groups=coder.descriptor.groups,
        ict=control.picture.ict,
        lattice={band: half * factor for band, half in learned.lattices[0].items()},
        scales=coder.scales,
        base_chroma=coder.base_chroma,
        noise=[learned.noise_map(index) for index in range(control.picture.components)],
    )
