"""Coders: a picture, or a part of it, through one transform and OpenJPEG, to a codestream."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..codestream.learned_segment import Colour, Descriptor, Opacities, Transport, noise_fits, split_weights
from ..codestream.main_header import HEADROOM, insert_comments, read_main_header, to_declared
from ..core.noise_table import NoiseTable
from ..core.picture import Picture
from ..core.run import Run
from ..core.subbands import Subbands
from ..core.targets import Targets
from ..dequantisation.noise import measure
from ..native import transport
from ..transform.colour import planes
from .layout import Layout
from .made_file import MadeFile

if TYPE_CHECKING:
    from ..models.model import Model

__all__ = ["Coder", "LearnedCoder", "OrdinaryCoder"]

_ALONE = Run()

#: OpenJPEG takes samples of 24 bits: eight, `HEADROOM`, and these.
_MAX_FRACTION_BITS = 14


class Coder:
    """Codes one picture, as often as asked to.

    Parameters
    ----------
    picture : Picture
        What to code.
    layout : Layout
        How the codestream is laid out.
    run : Run
        Threads and progress.
    """

    model: Model | None = None

    def __init__(self, picture: Picture, layout: Layout, run: Run = _ALONE) -> None:
        self.picture, self.layout, self.run = picture, layout, run

    def noise(self, codestream: bytes) -> NDArray[np.uint8] | None:
        """Measure the quantisation noise in a codestream that `code` has returned; None where nobody asks for it.

        Returns codes of shape (components, layers, tiles), see `j2klearn.dequantisation.noise`.
        """
        return None

    def payloads(self, noise: NDArray[np.uint8] | None = None) -> list[bytes]:
        """Return what the comments of the codestream have to hold."""
        return []

    def code(self, budget: Sequence[float], *, again: bool = False) -> bytes:
        """Return a codestream of which OpenJPEG spends so many bytes up to each layer; 0 for everything.

        The comments are not in it yet. `again` where the same picture will be coded once more.
        """
        raise NotImplementedError


class OrdinaryCoder(Coder):
    """JPEG 2000 as OpenJPEG writes it."""

    def __init__(self, picture: Picture, layout: Layout, run: Run = _ALONE, *, reversible: bool) -> None:
        super().__init__(picture, layout, run)
        self.reversible = reversible

    def code(self, budget: Sequence[float], *, again: bool = False) -> bytes:
        parameters = self.layout.parameters(
            self.picture,
            precision=self.picture.bit_depth,
            signed=self.picture.signed,
            reversible=self.reversible,
            layer_bytes=tuple(budget),
            threads=self.run.threads,
        )
        samples = self.picture.samples.reshape(self.picture.height, self.picture.width, -1)
        with transport.Encoder(parameters) as encoder:
            for index in range(self.picture.components):
                encoder.put_samples(index, np.ascontiguousarray(samples[:, :, index], np.int32))
            self.run.progress(0.1, "coding")
            return encoder.finish()


class LearnedCoder(Coder):
    """Learned lifting, and its subbands through the irreversible transport."""

    def __init__(
        self,
        picture: Picture,
        layout: Layout,
        model: Model,
        targets: Targets,
        run: Run = _ALONE,
        *,
        embed_model: bool = False,
    ) -> None:
        from ..models.transport_scales import transport_scales

        super().__init__(picture, layout, run)
        self.model: Model = model
        self.scales = transport_scales(model, layout.levels)
        self.embed_model = embed_model
        # the coefficients are in units of 8-bit grey levels, the samples in units of the bit depth
        self.scale_bits = _fraction_bits(picture, targets)
        self.fraction_bits = self.scale_bits - (picture.bit_depth - 8)
        self.kept: list[NDArray[np.float32]] = []

    @property
    def descriptor(self) -> Descriptor:
        picture = self.picture
        shared = Opacities.FIRST if picture.components == 3 else Opacities.COLOUR
        if not picture.ict:
            shared = Opacities.FIRST if picture.components == 1 else Opacities.OWN
        return Descriptor(
            transport=Transport.IRREVERSIBLE,
            precision=picture.bit_depth,
            fraction_bits=self.fraction_bits,
            levels=self.layout.levels,
            colour=Colour.ICT if picture.ict else Colour.NONE,
            components=picture.components,
            opacities=shared,
            model_id=self.model.id,
            scales=self.scales,
        )

    def payloads(self, noise: NDArray[np.uint8] | None = None) -> list[bytes]:
        weights = split_weights(self.model.to_bytes()) if self.embed_model else []
        descriptor = self.descriptor
        if noise is not None and self.model.dequantises and noise_fits(*noise.shape):
            descriptor = replace(descriptor, noise=NoiseTable(noise))
        return [*weights, descriptor.to_bytes()]

    def noise(self, codestream: bytes) -> NDArray[np.uint8] | None:
        # levels 2 to 4 tell of it
        if not self.model.dequantises or self.layout.levels < 2:
            return None
        file = MadeFile(insert_comments(codestream, [self.descriptor.to_bytes()]), self.model).learned
        assert file is not None
        header = file.header
        tiles = [header.tile_area(tile) for tile in range(header.tiles)]
        layers = [file.coarse(layer, self.run.threads) for layer in range(1, header.layers + 1)]
        codes = [
            [measure(bands[component], header.area, tiles) for bands in layers]
            for component in range(header.components)
        ]
        return np.array(codes, np.uint8)

    def subbands(self) -> Iterator[NDArray[np.float32]]:
        """Yield the coefficients of every component in the transport's order."""
        from ..transform.dwt import analyse

        done = 0.0
        size = 0  # components worked on together

        def advance(share: float) -> None:
            nonlocal done
            done += 0.8 * share * size / self.picture.components
            self.run.progress(done, "lifting")

        layout = self.layout
        area = layout.area(self.picture.height, self.picture.width)
        whole = planes(self.picture)
        groups = [whole[group] for group in self.descriptor.groups]
        del whole  # at the size of a picture every copy counts
        while groups:
            size = len(groups[0])
            components = analyse(
                groups.pop(0), area, layout.levels, self.model.structure, self.run.threads, advance
            )
            while components:
                yield self._flat(components.pop(0))

    def _flat(self, bands: Subbands) -> NDArray[np.float32]:
        if self.scales:
            bands.multiply(self.scales)
        return bands.to_flat()

    def components(self) -> list[Subbands]:
        """Return the subbands of every component, as the transform leaves them."""
        if not self.kept:
            self.kept = list(self.subbands())
        area = self.layout.area(self.picture.height, self.picture.width)
        out = [Subbands.from_flat(flat.copy(), area, self.layout.levels) for flat in self.kept]
        for bands in out:
            if self.scales:
                bands.divide(self.scales)
        return out

    def use(self, components: Sequence[Subbands]) -> None:
        """Take the subbands of every component from elsewhere; the samples are not looked at."""
        self.kept = [self._flat(bands) for bands in components]

    def code(self, budget: Sequence[float], *, again: bool = False) -> bytes:
        parameters = self.layout.parameters(
            self.picture,
            precision=self.picture.bit_depth + self.fraction_bits + HEADROOM,
            signed=True,
            reversible=False,
            layer_bytes=tuple(budget),
            fraction_bits=self.scale_bits,
            threads=self.run.threads,
        )
        if again and not self.kept:
            self.kept = list(self.subbands())
        source: Iterable[NDArray[np.float32]] = self.kept or self.subbands()
        with transport.Encoder(parameters) as encoder:
            for index, flat in enumerate(source):
                encoder.put_subbands(index, flat)
            if not again:
                self.run.progress(0.8, "coding")
            codestream = encoder.finish()
        picture = self.picture
        return to_declared(codestream, read_main_header(codestream), picture.bit_depth, picture.signed)


def _fraction_bits(picture: Picture, targets: Targets) -> int:
    """Choose how finely the carrier is rounded, in binary digits of an 8-bit grey level.

    Tier-1 codes every bit-plane before it truncates, so each costs time. Rounding to whole levels leaves a PSNR of
    58.9 dB and every digit adds 6 dB; 22 dB above the PSNR of the picture it costs 0.03 dB of that.
    """
    if targets.kind == "psnr":
        wanted = max(targets.values)
    else:
        bits = max(targets.values) * 8 / picture.samples.size
        wanted = 30 + 6 * bits if bits > 0.25 else 0.0  # of an easy picture rather than of a hard one
        wanted += 6
    digits = math.ceil((wanted + 22 - 58.9) / 6.02)
    return max(0, min(_MAX_FRACTION_BITS, digits))
