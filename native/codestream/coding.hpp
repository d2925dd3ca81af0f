// T.800 A.6.1, A.6.2 and A.6.6: as much of COD, COC and POC as it takes to find the packets of a tile.
#pragma once

#include "base/bytes.hpp"

#include <array>
#include <cstdint>
#include <vector>

namespace j2kl {

// Code-block style, Table A.19.
inline constexpr std::uint32_t style_bypass = 1, style_termall = 4, style_known = 63;

struct ComponentCoding {
    std::uint32_t dx = 1, dy = 1; // XRsiz, YRsiz
    std::uint32_t levels = 0;
    std::uint32_t block_width = 0, block_height = 0; // exponents: xcb, ycb
    std::uint32_t style = 0;
    std::array<std::uint8_t, 33> precincts{}; // per resolution, as in the segment: PPy, then PPx
    std::uint32_t rank = 0;                   // of the segment that said so: a COC outranks a COD
};

enum class Order : std::uint8_t { LRCP, RLCP, RPCL, PCRL, CPRL };

// One progression volume; the ends are not part of it.
struct Progression {
    Order order = Order::LRCP;
    std::uint32_t first_resolution = 0, end_resolution = 33;
    std::uint32_t first_component = 0, end_component = 16384;
    std::uint32_t layers = 0;

    bool covers(std::uint32_t component, std::uint32_t resolution) const
    {
        return resolution >= first_resolution && resolution < end_resolution &&
               component >= first_component && component < end_component;
    }
};

struct Coding {
    bool sop = false, eph = false;
    Progression whole;                // what COD says
    std::vector<Progression> changes; // POC: instead of it
    bool changes_in_main = false;
    std::vector<ComponentCoding> components;

    // Takes in a segment of the main header or a tile-part header; those of no interest change nothing. False
    // where the segment makes no sense, or says what the packet walk cannot follow.
    bool read(std::uint32_t name, const Bytes &content, bool in_tile);

    const Progression *progressions() const { return changes.empty() ? &whole : changes.data(); }
    std::size_t progression_count() const { return changes.empty() ? 1 : changes.size(); }

private:
    bool read_siz(const Bytes &content);
    bool read_cod(const Bytes &content, bool in_tile);
    bool read_coc(const Bytes &content, bool in_tile);
    bool read_poc(const Bytes &content, bool in_tile);
};

} // namespace j2kl
