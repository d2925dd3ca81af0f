// Mixtures in integer arithmetic: from parameters to rows of frequencies. j2klearn/neural/entropy/mixture.py
// defines the results bit by bit.
#pragma once

#include "j2kl.h"

#include <cstddef>
#include <cstdint>

namespace j2kl::mixture {

constexpr std::size_t most_components = 4, others = 17, digits = 16;

// The bins of a mixture; see j2kl_mixture_bins.
struct Bins {
    std::int32_t inside, centre, width, raw;
};

// `parameters` has the shape (3, components).
Bins bins_of(const j2kl_mixture_tables &tables, const std::int16_t *parameters, std::size_t components);

// `row` has 17 elements: the bins outside bin 0, and what lies below and above the window.
void outside_row(const j2kl_mixture_tables &tables, const std::int16_t *parameters, std::size_t components,
                 std::int32_t centre, std::int32_t width, float *row);

// `row` has 16 elements.
void digit_row(const j2kl_mixture_tables &tables, const std::int16_t *parameters, std::size_t components,
               std::int32_t low, std::int32_t step, std::int32_t bits, float *row);

} // namespace j2kl::mixture
