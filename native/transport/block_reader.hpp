// Decodes some code-blocks of a codestream, without its other parts.
//
// The coded data of the code-blocks is copied into small codestreams for OpenJPEG. Each has components of one level and
// of one tile, whose subbands are one code-block each. Their main header is that of half_steps.hpp: it lets the inverse
// 5/3 carry whole numbers of half quantiser steps, and the forward 5/3 returns them.
#pragma once

#include "base/geometry.hpp"
#include "base/report.hpp"
#include "codestream/code_blocks.hpp"

#include <cstdint>
#include <list>
#include <utility>
#include <vector>

namespace j2kl {

// A part of a subband, in the coordinates of the subband, and the place for its coefficients.
struct BandRequest {
    std::uint32_t component, level;
    Band band;
    Rect area;
    std::int32_t *half_steps; // row by row without gaps
};

class BlockReader {
public:
    // The codestream must outlive the reader. Throws Failure (J2KL_ERROR_UNSUPPORTED) as BlockIndex does.
    BlockReader(const Bytes &codestream, j2kl_report *report) : reporter_(report), index_(codestream) {}

    // Decodes `layers` layers, or all of them if it is 0. There may be one request for each subband. Throws Failure if
    // a tile is damaged, or if OpenJPEG cannot decode a code-block.
    void read(const std::vector<BandRequest> &requests, std::uint32_t layers, std::uint32_t threads);

    Reporter &reporter() { return reporter_; }

private:
    const TileBlocks &blocks_of(std::uint32_t tile);

    Reporter reporter_;
    BlockIndex index_;
    std::list<std::pair<std::uint32_t, TileBlocks>> tiles_; // those read last, the latest first
};

} // namespace j2kl
