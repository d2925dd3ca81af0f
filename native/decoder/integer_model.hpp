// An integer model (docs/format-integer.md) or a reversible one (docs/format-lossless.md), ready to decode.
#pragma once

#include "decoder/model_file.hpp"
#include "dequantisation/dequantiser.hpp"
#include "lifting/operator.hpp"

#include <cstdint>
#include <memory>
#include <optional>

namespace j2kl::picture {

// reversible53: the model of lossless files, on the 5/3 that rounds to integers.
enum class Base { wavelet97, wavelet53, reversible53 };

struct IntegerModel {
    // Throws Failure (J2KL_ERROR_MODEL) if the configuration or the weights are invalid.
    explicit IntegerModel(const ModelFile &file);

    // Samples of the finer level beyond an area whose subbands the base wavelet reads.
    std::uint32_t base_reach = 0;
    // Coefficients around a coefficient that the high-to-low step and the low-to-high step read.
    std::uint32_t high_radius = 0, low_radius = 0;
    // Samples of the finer level beyond an area that all steps together read, at most.
    std::uint32_t low_reach = 0;
    Base base = Base::wavelet97;
    bool reversible() const { return base == Base::reversible53; }
    std::unique_ptr<const lifting::Operator> high_to_low; // null if the model is reversible
    std::unique_ptr<const lifting::Operator> low_to_high;
    // Of single components, and of chroma with luma as a guide; null if the model has none.
    std::unique_ptr<const dequantisation::Dequantiser> dequantiser, chroma_dequantiser;
};

} // namespace j2kl::picture
