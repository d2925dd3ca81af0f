// T.800 A.6.1, A.6.2 and A.6.6: the fields of COD, COC and POC that are needed to find the packets of a tile.
#pragma once

#include "base/bytes.hpp"

#include <array>
#include <cstdint>
#include <vector>

namespace j2kl {

// Code-block style, Table A.19, and the bit of T.814 that selects the block coder of HTJ2K for all code-blocks.
inline constexpr std::uint32_t style_bypass = 1, style_termall = 4, style_ht = 64, style_known = 127;

struct ComponentCoding {
    std::uint32_t dx = 1, dy = 1; // XRsiz, YRsiz
    std::uint32_t levels = 0;
    std::uint32_t block_width = 0, block_height = 0; // exponents: xcb, ycb
    std::uint32_t style = 0;
    std::array<std::uint8_t, 33> precincts{}; // one byte per resolution: PPy << 4 | PPx
    std::uint32_t rank = 0;                   // of the segment that set this: a COC outranks a COD
};

enum class Order : std::uint8_t { LRCP, RLCP, RPCL, PCRL, CPRL };

// One progression volume; the ends are exclusive.
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
    Progression whole;                // from COD
    std::vector<Progression> changes; // from POC; replaces `whole` if not empty
    bool changes_in_main = false;
    std::vector<ComponentCoding> components;

    // Reads a marker segment of the main header or of a tile-part header; ignores segments that are not
    // needed. Returns false if the segment is invalid, or if walk_packets() does not support it.
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
