// The decoded coefficients of a component, and their way to the learned steps: points of reconstruction, normalisation
// and subband scales.
#pragma once

#include "base/geometry.hpp"
#include "decoder/main_header.hpp"
#include "decoder/segment.hpp"

#include <cstddef>
#include <cstdint>
#include <vector>

namespace j2kl::picture {

// The subbands of a component, in the order of SubbandLayout.
struct Coefficients {
    Rect area;
    std::uint32_t levels = 0;
    std::vector<float> values;
};

// Half the quantiser steps of the subbands, in 8-bit grey levels, LL first, then HL, LH and HH from the coarsest level to
// the finest. Empty if components have different steps. Throws Failure (J2KL_ERROR_SEGMENT).
std::vector<double> read_lattice(const std::vector<std::uint8_t> &head, const MainHeader &header);

class Reconstruction {
public:
    Reconstruction(const Segment &segment, std::vector<double> lattice) : segment_(segment), lattice_(std::move(lattice)) {}

    // Processes the decoded coefficients of a component in place. They are those of the levels below the `reduce` finest
    // ones of the codestream.
    void apply(std::uint32_t component, Coefficients &coefficients, std::uint32_t reduce, std::size_t threads) const;

private:
    void to_points(Coefficients &coefficients, std::uint32_t reduce, std::size_t threads) const;

    const Segment &segment_;
    std::vector<double> lattice_;
};

} // namespace j2kl::picture
