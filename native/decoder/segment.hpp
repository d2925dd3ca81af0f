// The learned-transform segment (docs/format.md): its fields, and the model file that a picture may carry.
#pragma once

#include "base/bytes.hpp"
#include "decoder/digest.hpp"

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

namespace j2kl::picture {

struct Normalisation {
    std::uint32_t exponent = 0; // components are multiplied by 2^exponent
    std::int32_t offset = 0;    // subtracted before, in units of the samples
};

// The weights in 1/64 with which the details of both chroma components are predicted in one subband, one after the other.
// L2H is the prediction of the operator. Of Y, of L2H of Y, of L2H of the component itself, and a constant; in the second
// one then of the first one and of its L2H.
struct BandWeights {
    std::array<std::int32_t, 4> first{};
    std::array<std::int32_t, 6> second{};
};

// Those of HL, LH and HH of one level.
using Weights = std::array<BandWeights, 3>;

// The steps of the reversible transform (docs/format-lossless.md).
struct Steps {
    std::vector<bool> learned;    // for each component: whether its details are predicted from its LL
    std::vector<Weights> weights; // of the levels that have some, from the finest on
    bool red_first = false;       // whether Cr is predicted before Cb
};

struct Segment {
    std::uint32_t version = 0;
    bool reversible = false; // the transport; only versions from 5 on are reversible
    Steps steps;             // of these versions
    std::uint32_t precision = 0, levels = 0;
    // green: the RCT, but the transform replaces Y by the green component.
    enum class Colour { none, ict, rct, green } colour = Colour::none;
    bool rct() const { return colour == Colour::rct || colour == Colour::green; }
    std::uint32_t components = 0;
    std::uint32_t shared = 1; // components, from the first on, that share the opacities of the first
    bool base_chroma = false; // components that use another one's opacities: no learned steps at level 1
    Id model{};
    std::vector<float> scales; // empty: all are 1
    std::uint32_t noise_layers = 0, noise_tiles = 0;
    std::vector<std::uint8_t> noise;          // by component, layer and tile; empty if there is no table
    std::vector<Normalisation> normalisation; // one for every component; empty if there is none
};

struct Comments {
    std::optional<Segment> segment;  // nothing if the file is not a learned one
    std::vector<std::uint8_t> model; // the embedded model file; empty if there is none
};

// Parses the data of all COM marker segments with Rcom = 0. Throws Failure (J2KL_ERROR_SEGMENT or
// J2KL_ERROR_UNSUPPORTED).
Comments read_comments(const std::vector<Bytes> &comments);

} // namespace j2kl::picture
