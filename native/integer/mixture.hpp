// Mixtures in integers: from parameters to rows of frequencies. j2klearn/neural/entropy/mixture.py defines what is
// computed here, to the bit.
#pragma once

#include "j2kl.h"

#include <cstddef>
#include <cstdint>

namespace j2kl::mixture {

constexpr std::size_t most_components = 4, others = 17, digits = 16;

// How the integers around a mixture are cut.
struct Bins {
    std::int32_t inside, centre, width, raw;
};

// `parameters` are 3 x components.
Bins bins_of(const j2kl_mixture_tables &tables, const std::int16_t *parameters, std::size_t components);

// `row` is of 17: the bins but bin 0.
void outside_row(const j2kl_mixture_tables &tables, const std::int16_t *parameters, std::size_t components,
                 std::int32_t centre, std::int32_t width, float *row);

// `row` is of 16.
void digit_row(const j2kl_mixture_tables &tables, const std::int16_t *parameters, std::size_t components,
               std::int32_t low, std::int32_t step, std::int32_t bits, float *row);

} // namespace j2kl::mixture
