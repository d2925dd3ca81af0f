// Measurement of the quantisation noise that a file states for de-quantisation (docs/format.md).
#pragma once

#include "base/geometry.hpp"
#include "decoder/coefficients.hpp"
#include "decoder/picture.hpp"

#include <cstddef>
#include <cstdint>

namespace j2kl::picture {

// Writes the code of the noise of every tile of a component. `coarse` has its decoded coefficients of all levels but the
// finest, at least one. All codes are 0 if the component is too small for a measurement.
void measure_noise(const Coefficients &coarse, const TileGrid &tiles, std::uint8_t *codes);

// Decodes every quality layer of a lossy learned file without the finest level, and measures the noise of all its tiles:
// `codes` has the shape (components, layers, tiles).
void measure_noise(Picture &picture, std::uint32_t threads, std::uint8_t *codes);

} // namespace j2kl::picture
