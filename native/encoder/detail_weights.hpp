// The weights with which the details of a component are predicted from other coefficients of one subband, chosen by an
// estimate of the bits of lossless files. The results are the same on every machine.
//
// Blocks of 64 coefficients are looked at by themselves: tier-1 adapts to the magnitudes around a coefficient, so halving
// a small one saves as much as halving a large one. Plain least squares would follow the few strong edges. Coefficient i
// of block j lies at i * blocks + j.
#pragma once

#include <cstddef>
#include <cstdint>

namespace j2kl::picture {

constexpr std::size_t block_size = 64, most_sources = 6;

// A target, and what it is predicted from; all with the same fraction bits.
struct FitProblem {
    const std::int32_t *const *sources;
    std::size_t count; // of sources, at most most_sources
    const std::int32_t *target;
    std::size_t blocks;
    int fraction_bits; // what is left of the target is rounded to whole numbers
};

// The bits of blocks, each as samples of a two-sided geometric distribution with its mean magnitude.
double bits_of_blocks(const std::int32_t *samples, std::size_t blocks);

// The nearest weight in 1/64 that a segment can hold.
std::int32_t nearest_weight(double weight);

// Writes the weights in 1/64 by least squares. A source of zeros has the weight 0. Returns the bits that are left.
double fit_weights(const FitProblem &problem, std::int32_t *weights);

// Takes steps in single weights as long as the bits fall. Returns the bits that are left.
double refine_weights(const FitProblem &problem, std::int32_t *weights);

} // namespace j2kl::picture
