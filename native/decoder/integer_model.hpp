// An integer model (docs/format-integer.md) or a reversible one (docs/format-lossless.md), ready to decode.
#pragma once

#include "decoder/model_file.hpp"
#include "dequantisation/dequantiser.hpp"
#include "lifting/operator.hpp"

#include <cstdint>
#include <memory>
#include <optional>

namespace j2kl::picture {

// The last two are those of lossless files, which round to integers: the 5/3 of T.800, and the non-separable one.
enum class Base { wavelet97, wavelet53, reversible53, non_separable53 };

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
    bool reversible() const { return base == Base::reversible53 || base == Base::non_separable53; }
    // Fraction bits of the predictions of a reversible model, before their sum is rounded.
    int fraction_bits() const { return base == Base::non_separable53 ? 3 : 0; }
    std::unique_ptr<const lifting::Operator> high_to_low; // null if the model is reversible
    std::unique_ptr<const lifting::Operator> low_to_high;
    // Of single components, and of chroma with luma as a guide; null if the model has none.
    std::unique_ptr<const dequantisation::Dequantiser> dequantiser, chroma_dequantiser;
};

} // namespace j2kl::picture
