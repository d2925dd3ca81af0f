// Mixtures in integers: from parameters to rows of frequencies. j2klearn/neural/mixture.py defines what is computed
// here, to the bit.
#pragma once

#include "j2kl.h"

#include <cstddef>
#include <cstdint>

namespace j2kl::mixture {

constexpr std::size_t most_components = 4, symbols = 18, digits = 16;

// One integer's first symbol.
struct First {
    float *row; // of 18
    std::int32_t centre, width, raw;
};

// `parameters` are 3 x components.
void first_row(const j2kl_mixture_tables &tables, const std::int16_t *parameters, std::size_t components,
               First &first);

// `row` is of 16.
void digit_row(const j2kl_mixture_tables &tables, const std::int16_t *parameters, std::size_t components,
               std::int32_t low, std::int32_t step, std::int32_t bits, float *row);

} // namespace j2kl::mixture
