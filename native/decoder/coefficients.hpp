// The coefficients of a component, from half quantiser steps to the learned steps: points of reconstruction,
// normalisation and subband scales.
#pragma once

#include "base/geometry.hpp"
#include "base/uninitialised.hpp"
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
    Uninitialised<float> values;
};

// Half the quantiser steps of the subbands of a component, in 8-bit grey levels: LL, then HL, LH and HH from
// the coarsest level to the finest.
using Lattice = std::vector<double>;

// The lattices of all components. Throws Failure (J2KL_ERROR_SEGMENT) if a subband has no step.
std::vector<Lattice> read_lattices(const MainHeader &header);

class Reconstruction {
public:
    // `segment` must outlive this object.
    Reconstruction(const Segment &segment, std::vector<Lattice> lattices)
        : segment_(segment), lattices_(std::move(lattices))
    {
    }

    // Reconstructs `count` coefficients of a subband. `level` is its decomposition level in the codestream.
    void apply(std::uint32_t component, Band band, std::uint32_t level, const std::int32_t *half_steps,
               float *values, std::size_t count, std::size_t threads) const;

    // Returns the coefficients of a component, of `levels` levels below the `reduce` finest ones of the
    // codestream. `half_steps` has what tier-1 decoded, as j2kl_decoder_get_subbands returns it.
    Coefficients apply(std::uint32_t component, const std::vector<std::int32_t> &half_steps, const Rect &area,
                       std::uint32_t levels, std::uint32_t reduce, std::size_t threads) const;

private:
    const Segment &segment_;
    std::vector<Lattice> lattices_;
};

} // namespace j2kl::picture
