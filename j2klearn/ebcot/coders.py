"""Coders: they turn a picture, or a part of it, into a codestream, by one transform and OpenJPEG."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..codestream.guard_bits import to_declared
from ..codestream.learned_segment import Colour, Descriptor, Opacities, Transport, noise_fits, split_weights
from ..codestream.main_header import HEADROOM, insert_comments, read_main_header, with_precision
from ..codestream.subband_weights import with_weights
from ..core.geometry import Rect
from ..core.noise_table import NoiseTable
from ..core.normalisation import Normalisation, normalise, normalised_bands, restore_bands
from ..core.picture import Picture
from ..core.progress import silent
from ..core.run import Run
from ..core.subbands import Subbands
from ..core.targets import Targets, Tune
from ..dequantisation.noise import measure
from ..errors import LimitError
from ..native import encoding, transport
from ..native.picture import LearnedPicture, Models
from ..transform.colour import planes
from ..transform.strips import StripAnalysis
from .chroma_choice import prefers_base_chroma
from .layout import Layout
from .made_file import MadeFile
from .opacity_choice import prefers_own_opacities
from .probe import Probe
from .sample_encoder import SampleEncoder
from .visual_weights import visual_weights

if TYPE_CHECKING:
    from ..models.model import Model

__all__ = ["CarrierCoder", "Coder", "LearnedCoder", "OrdinaryCoder", "carrier_fraction_bits"]

_DEFAULT_RUN = Run()

#: OpenJPEG accepts samples of up to 24 bits, but from 22 bits on its 9/7 and its tier-1 lose accuracy, and with 24 bits
#: nothing is left of the picture. These bits come in addition to eight integer bits and `HEADROOM`.
_MAX_FRACTION_BITS = 11

#: The same for samples that the 9/7 codes: bits per sample and fraction bits together.
_MAX_SAMPLE_BITS = 20

#: Steps of an eighth of a sample unit give decoded samples that are exact after rounding.
_MAX_SAMPLE_FRACTION_BITS = 3

#: The same for PSNRs of a few bits per sample: almost all samples have to be exact.
_MAX_PSNR_FRACTION_BITS = 6

#: PSNR in dB of 8-bit samples that are rounded to integers, and dB per further bit.
_PSNR_OF_ONE, _DB_PER_BIT = 58.9, 6.02


class Coder:
    """Base class of coders. A coder can code its picture any number of times.

    Parameters
    ----------
    picture : Picture
        The picture.
    layout : Layout
        Tiles, precincts, progression and marker segments of the codestream.
    run : Run
        Threads and progress.

    Attributes
    ----------
    model : Model or None
        The learned transform; None for a wavelet of T.800.
    tune : {"psnr", "visual"}
        The error by which files are compared.
    weights : tuple of tuple of float
        Weights of the subbands of every component in rate allocation, as in `j2klearn.codestream.subband_weights`.
        Empty if the coder has none.
    """

    model: Model | None = None
    tune: Tune = "psnr"
    weights: tuple[tuple[float, ...], ...] = ()

    def __init__(self, picture: Picture, layout: Layout, run: Run = _DEFAULT_RUN) -> None:
        self.picture, self.layout, self.run = picture, layout, run

    def noise(self, codestream: bytes) -> NDArray[np.uint8] | None:
        """Measure the quantisation noise of a codestream.

        Parameters
        ----------
        codestream : bytes
            A result of `code`.

        Returns
        -------
        ndarray, shape (components, layers, tiles), uint8, or None
            Codes as in `j2klearn.core.noise_table.NoiseTable`; None if the decoder does not need them.
        """
        return None

    def payloads(self, noise: NDArray[np.uint8] | None = None) -> list[bytes]:
        """Return the contents of the binary COM marker segments (T.800 A.9.2) of the codestream.

        Parameters
        ----------
        noise : ndarray, shape (components, layers, tiles), uint8, optional
            A result of `noise`.
        """
        return []

    def code(self, budget: Sequence[float], *, again: bool = False) -> bytes:
        """Code the picture, without the COM marker segments of `payloads`.

        Parameters
        ----------
        budget : sequence of float
            Bytes that OpenJPEG's rate control may spend up to the end of each layer; 0 for no limit (last layer only).
        again : bool
            Whether the picture will be coded again. The coder then keeps the coefficients in memory.
        """
        raise NotImplementedError


class OrdinaryCoder(Coder):
    """Codes a picture by a wavelet of T.800, all in OpenJPEG, without visual weights.

    Parameters
    ----------
    picture, layout, run
        As in `Coder`.
    reversible : bool
        True for the reversible 5/3, False for the irreversible 9/7.
    targets : Targets, optional
        Rates or PSNRs of the layers. They determine the fraction bits of the 9/7. Default: no fraction bits.
    probe : Probe, optional
        The probe of the whole picture. Default: that of `picture`.

    Attributes
    ----------
    fraction_bits : int
        The samples are coded in units of ``2 ** -fraction_bits``, so the quantiser steps are finer by this factor.
    """

    def __init__(
        self,
        picture: Picture,
        layout: Layout,
        run: Run = _DEFAULT_RUN,
        *,
        reversible: bool,
        targets: Targets | None = None,
        probe: Probe | None = None,
    ) -> None:
        super().__init__(picture, layout, run)
        self.reversible = reversible
        self.fraction_bits = 0
        if targets is not None:
            self.tune = targets.tune
        if targets is not None and not reversible:
            self.fraction_bits = _sample_fraction_bits(picture, targets, probe or Probe.of(picture))

    def code(self, budget: Sequence[float], *, again: bool = False) -> bytes:
        parameters = self.layout.parameters(
            self.picture,
            precision=self.picture.bit_depth + self.fraction_bits,
            signed=self.picture.signed,
            reversible=self.reversible,
            layer_bytes=tuple(budget),
            threads=self.run.threads,
        )
        samples = self.picture.samples.reshape(self.picture.height, self.picture.width, -1)
        with SampleEncoder(parameters) as encoder:
            for index in range(self.picture.components):
                plane = np.ascontiguousarray(samples[:, :, index], np.int32)
                encoder.put_samples(index, plane << self.fraction_bits if self.fraction_bits else plane)
            self.run.progress(0.1, "coding")
            codestream = encoder.finish()
        if not self.fraction_bits:
            return codestream
        return with_precision(
            codestream, read_main_header(codestream), self.picture.bit_depth, self.picture.signed
        )


class CarrierCoder(Coder):
    """The base of coders that compute the subbands themselves and pass them to OpenJPEG's tier-1.

    Attributes
    ----------
    scale_bits : int
        Fraction bits of the carrier, in units of 8-bit grey levels; see `carrier_fraction_bits`.
    """

    scale_bits: int

    def carried(
        self, components: Iterable[NDArray[np.float32]], budget: Sequence[float], *, share: float | None
    ) -> bytes:
        """Return a codestream of the picture.

        Parameters
        ----------
        components : iterable of ndarray, each (n,), float32
            The coefficients of every component in the transport's order, in units of 8-bit grey levels, weighted.
        budget : sequence of float
            As in `code`.
        share : float or None
            The progress when the subbands are computed; None reports none.
        """
        with transport.Encoder(self.parameters(budget)) as encoder:
            for index, flat in enumerate(components):
                encoder.put_subbands(index, flat)
            if share is not None:
                self.run.progress(share, "coding")
            codestream = encoder.finish()
        return self.declared(codestream)

    def parameters(self, budget: Sequence[float]) -> transport.Parameters:
        """Return the parameters of the carrier; `budget` is that of `code`."""
        return self.layout.parameters(
            self.picture,
            precision=8 + self.scale_bits + HEADROOM,
            signed=True,
            reversible=False,
            layer_bytes=tuple(budget),
            fraction_bits=self.scale_bits,
            threads=self.run.threads,
        )

    def declared(self, codestream: bytes) -> bytes:
        """Return a carrier that OpenJPEG has coded as a codestream that declares the picture's precision."""
        picture = self.picture
        declared = to_declared(codestream, read_main_header(codestream), picture.bit_depth, picture.signed)
        return with_weights(declared, self.weights) if self.weights else declared


class LearnedCoder(CarrierCoder):
    """Codes a picture by a learned transform, whose subbands are coded by OpenJPEG (irreversible transport).

    Parameters
    ----------
    picture, layout, run
        As in `Coder`.
    model : Model
        The learned transform.
    targets : Targets
        Rates or PSNRs of the layers. They determine the precision of the carrier.
    embed_model : bool
        Whether the file carries the weights of the model.
    probe : Probe, optional
        The probe of the whole picture. Default: that of `picture`.

    Attributes
    ----------
    normalisation : tuple of Normalisation
        How each component is normalised before the transform; empty for none.
    scales : tuple of float
        Factors of the subbands before the transport; empty if they are not scaled.
    probe : Probe
        The probe of the whole picture.
    own_opacities : bool
        Whether every component uses its own opacities.
    base_chroma : bool
        Whether chroma has no learned steps at the finest level.
    kept : list of ndarray
        The scaled coefficients of every component in the transport's order; empty if they are not kept.
    """

    def __init__(
        self,
        picture: Picture,
        layout: Layout,
        model: Model,
        targets: Targets,
        run: Run = _DEFAULT_RUN,
        *,
        embed_model: bool = False,
        probe: Probe | None = None,
    ) -> None:
        from ..models.transport_scales import transport_scales

        super().__init__(picture, layout, run)
        self.model: Model = model
        self.scales = transport_scales(model, layout.levels)
        self.embed_model = embed_model
        self.normalisation: tuple[Normalisation, ...] = ()
        self.base_chroma = False
        # the coefficients are in units of 8-bit grey levels, the samples in units of the bit depth
        self.probe = probe = probe or Probe.of(picture)
        self.scale_bits = carrier_fraction_bits(picture, targets, probe)
        self.tune = targets.tune
        if self.tune == "visual":
            self.weights = visual_weights(picture, layout.levels)
        self.fraction_bits = self.scale_bits - (picture.bit_depth - 8)
        self.own_opacities = not picture.ict or prefers_own_opacities(probe)
        self.normalisation = probe.normalisation(self.descriptor.groups)
        self.base_chroma = layout.levels > 0 and prefers_base_chroma(
            model, probe, self.descriptor.groups, self.normalisation, _step(picture, targets, probe)
        )
        self.kept: list[NDArray[np.float32]] = []

    @property
    def descriptor(self) -> Descriptor:
        """The learned-transform segment of the codestream, without a noise table."""
        picture = self.picture
        if picture.components == 1:
            opacities = Opacities.FIRST
        elif self.own_opacities:
            opacities = Opacities.OWN
        else:
            opacities = Opacities.FIRST if picture.components == 3 else Opacities.COLOUR
        return Descriptor(
            transport=Transport.IRREVERSIBLE,
            precision=picture.bit_depth,
            fraction_bits=self.fraction_bits,
            levels=self.layout.levels,
            colour=Colour.ICT if picture.ict else Colour.NONE,
            components=picture.components,
            opacities=opacities,
            model_id=self.model.id,
            scales=self.scales,
            normalisation=self.normalisation,
            base_chroma=self.base_chroma,
        )

    def payloads(self, noise: NDArray[np.uint8] | None = None) -> list[bytes]:
        weights = split_weights(self.model.to_bytes()) if self.embed_model else []
        descriptor = self.descriptor
        if noise is not None and self.model.dequantises and noise_fits(*noise.shape):
            descriptor = replace(descriptor, noise=NoiseTable(noise))
        return [*weights, descriptor.to_bytes()]

    def noise(self, codestream: bytes) -> NDArray[np.uint8] | None:
        # the noise is measured at levels 2 to 4
        if not self.model.dequantises or self.layout.levels < 2:
            return None
        codestream = insert_comments(codestream, [self.descriptor.to_bytes()])
        try:
            with LearnedPicture(codestream, Models(beside=False)) as learned:
                return learned.noise(self.run.threads)
        except LimitError:
            return self._noise_by_stages(codestream)

    def _noise_by_stages(self, codestream: bytes) -> NDArray[np.uint8]:
        """Measure the noise of a codestream that has the learned-transform segment, one stage after the other."""
        file = MadeFile(codestream, self.model).learned
        assert file is not None
        header = file.header
        tiles = [header.tile_area(tile) for tile in range(header.tiles)]
        layers = [file.coarse(layer, self.run.threads) for layer in range(1, header.layers + 1)]
        codes = [
            [measure(bands[component], header.area, tiles) for bands in layers]
            for component in range(header.components)
        ]
        return np.array(codes, np.uint8)

    def _native_parameters(self, budget: Sequence[float]) -> encoding.PictureParameters | None:
        """Return what native code needs to encode the picture; None if it cannot, or somebody watches the progress."""
        if self.model.engine_name != "native" or self.run.progress is not silent:
            return None
        return encoding.PictureParameters(
            carrier=self.parameters(budget),
            model_id=self.model.id,
            bit_depth=self.picture.bit_depth,
            shared=self.groups[0].stop,
            base_chroma=self.base_chroma,
            scales=self.scales,
            weights=self.weights,
            normalisation=self.normalisation,
        )

    def subbands(self) -> Iterator[NDArray[np.float32]]:
        """Yield the coefficients of each component: one-dimensional, scaled, in the transport's order."""
        native = self._native_parameters([0.0])
        if native is not None:
            yield from encoding.analyse(native, self.picture.samples, self.model.native_models)
        else:
            yield from self._subbands_by_stages()

    def _subbands_by_stages(self) -> Iterator[NDArray[np.float32]]:
        done = 0.0
        size = 0  # number of components in the current group

        def advance(share: float) -> None:
            nonlocal done
            done += 0.8 * share * size / self.picture.components
            self.run.progress(done, "lifting")

        layout = self.layout
        area = layout.area(self.picture.height, self.picture.width)
        whole = self.planes(self.picture)
        groups = [whole[group] for group in self.descriptor.groups]
        del whole  # a copy of the picture is too much memory to keep
        index = 0
        while groups:
            size = len(groups[0])
            components = self.model.transform.analyse(
                groups.pop(0), area, layout.levels, self.run.threads, advance, base_chroma=self.base_chroma
            )
            while components:
                yield self._flat(components.pop(0), index)
                index += 1

    @property
    def groups(self) -> list[slice]:
        """Groups of components that share opacities."""
        return self.descriptor.groups

    def strip_analysis(self, area: Rect) -> StripAnalysis:
        """Return a new analysis, by strips, of a group of components of a picture with this area."""
        return StripAnalysis(
            area,
            self.layout.levels,
            self.model.transform,
            self.run.threads,
            base_chroma=self.base_chroma,
        )

    def planes(self, picture: Picture) -> NDArray[np.float32]:
        """Return the normalised components of a part of the picture, shape (C, H, W)."""
        out = planes(picture)
        normalise(out, self.normalisation, picture.bit_depth)
        return out

    def _flat(self, bands: Subbands, component: int) -> NDArray[np.float32]:
        if self.scales:
            bands.multiply(self.scales)
        if self.normalisation:
            restore_bands(bands, self.normalisation[component], self.picture.bit_depth)
        if self.weights:
            bands.multiply(self.weights[component])
        return bands.to_flat()

    def components(self) -> list[Subbands]:
        """Return the subbands of every component: the output of the transform, not scaled."""
        if not self.kept:
            self.kept = list(self.subbands())
        area = self.layout.area(self.picture.height, self.picture.width)
        out = [Subbands.from_flat(flat.copy(), area, self.layout.levels) for flat in self.kept]
        for index, bands in enumerate(out):
            if self.weights:
                bands.divide(self.weights[index])
            if self.normalisation:
                normalised_bands(bands, self.normalisation[index], self.picture.bit_depth)
            if self.scales:
                bands.divide(self.scales)
        return out

    def use(self, components: Sequence[Subbands]) -> None:
        """Replace the subbands of every component (not scaled). `code` then does not transform the samples."""
        self.kept = [self._flat(bands, index) for index, bands in enumerate(components)]

    def code(self, budget: Sequence[float], *, again: bool = False) -> bytes:
        if again and not self.kept:
            self.kept = list(self.subbands())
        native = None if self.kept else self._native_parameters(budget)
        if native is not None:
            return self.declared(encoding.encode(native, self.picture.samples, self.model.native_models))
        return self.carried(self.kept or self.subbands(), budget, share=None if again else 0.8)


def _bits(picture: Picture, targets: Targets) -> float:
    """Return the bits per sample of the last layer of size targets."""
    # rounded: all rows of tiles of a picture must get the same precision
    return round(max(targets.values) * 8 / picture.samples.size, 6)


def _step(picture: Picture, targets: Targets, probe: Probe) -> float:
    """Return about the quantiser step of the last layer, in 8-bit grey levels."""
    if targets.kind == "psnr":
        return math.sqrt(12) * 255 / 10 ** (max(targets.values) / 20)
    # without a target all bit-planes are coded
    return probe.step(_bits(picture, targets)) if max(targets.values) else 1.0


def carrier_fraction_bits(picture: Picture, targets: Targets, probe: Probe) -> int:
    """Choose the number of fraction bits of the carrier, in units of 8-bit grey levels.

    Tier-1 codes all bit-planes before it truncates them, so every bit costs time. Rounding to integers limits the PSNR
    to 58.9 dB, and every fraction bit adds 6 dB. A limit of 22 dB above the PSNR of the picture costs 0.03 dB. Samples
    that use a small part of their range reach a higher PSNR at the same rate, so the probe is asked for their step.
    """
    if targets.kind == "psnr":
        return max(
            0, min(_MAX_FRACTION_BITS, math.ceil((max(targets.values) + 22 - _PSNR_OF_ONE) / _DB_PER_BIT))
        )
    bits = _bits(picture, targets)
    # a high estimate, right for pictures that are easy to code
    psnr = 36 + 6 * bits if bits > 0.25 else 6.0
    digits = math.ceil((psnr + 22 - _PSNR_OF_ONE) / _DB_PER_BIT)
    finer = math.ceil(22 / _DB_PER_BIT - math.log2(probe.step(bits)))
    finer = min(finer, picture.bit_depth - 8 + _MAX_SAMPLE_FRACTION_BITS)
    return max(0, min(_MAX_FRACTION_BITS, max(digits, finer)))


def _sample_fraction_bits(picture: Picture, targets: Targets, probe: Probe) -> int:
    """Choose the number of fraction bits of the samples that the 9/7 codes.

    OpenJPEG's quantiser steps are about one unit of the samples. Where that is too coarse for the targets, the samples
    are multiplied first. Steps 12 dB below the error of the picture cost 0.3 dB at most.
    """
    depth = picture.bit_depth
    if targets.kind == "psnr":
        bits = math.ceil((max(targets.values) + 12 - _PSNR_OF_ONE) / _DB_PER_BIT) - (depth - 8)
        return max(0, min(_MAX_PSNR_FRACTION_BITS, _MAX_SAMPLE_BITS - depth, bits))
    if not targets.values[-1]:
        return 0
    step = probe.step(_bits(picture, targets)) * 2.0 ** (depth - 8)
    return max(0, min(_MAX_SAMPLE_FRACTION_BITS, math.ceil(12 / _DB_PER_BIT - math.log2(step))))
