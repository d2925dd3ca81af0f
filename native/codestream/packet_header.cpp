#include "codestream/packet_header.hpp"

#include "codestream/coding.hpp"

#include <algorithm>

namespace j2kl {

namespace {

constexpr std::uint32_t most_zero_planes = 128; // 37 bit-planes, and up to 37 more from a region of interest
constexpr std::uint32_t most_passes = 255;      // up to three for each bit-plane

std::uint32_t floor_log2(std::uint32_t value)
{
    std::uint32_t result = 0;
    while ((value >>= 1) != 0) {
        ++result;
    }
    return result;
}

// Table B.4.
std::uint32_t read_passes(HeaderReader &bits)
{
    if (bits.bit() == 0) {
        return 1;
    }
    if (bits.bit() == 0) {
        return 2;
    }
    std::uint32_t more = bits.bits(2);
    if (more < 3) {
        return 3 + more;
    }
    more = bits.bits(5);
    return more < 31 ? 6 + more : 37 + bits.bits(7);
}

// Clauses B.10.6 and B.10.7: the number of passes, and the lengths of their codeword segments.
bool read_lengths(HeaderReader &bits, std::uint32_t style, Block &block, Contribution &contribution,
                  std::vector<Segment> &segments)
{
    std::uint32_t passes = read_passes(bits);
    if (block.passes + passes > most_passes) {
        return false;
    }
    while (bits.bit() != 0) {
        if (++block.length_bits > 32) {
            return false;
        }
    }
    while (passes > 0) {
        const std::uint32_t count = std::min(passes, passes_in_segment(style, block.passes));
        const std::uint32_t width = block.length_bits + floor_log2(count);
        if (width > 32) {
            return false;
        }
        const std::uint32_t size = bits.bits(width);
        segments.push_back({count, size});
        contribution.size += size;
        block.passes = static_cast<std::uint16_t>(block.passes + count);
        passes -= count;
    }
    return true;
}

bool read_zero_planes(HeaderReader &bits, TagTree &tree, Contribution &contribution)
{
    while (!tree.read(bits, contribution.block, contribution.zero_planes + 1)) {
        if (++contribution.zero_planes > most_zero_planes) {
            return false;
        }
    }
    return true;
}

// A code-block without a contribution gets the value `never`, as no later packet includes it.
void set_values(BandState &state, std::uint32_t band, std::uint32_t layer, const PacketHeader &header)
{
    std::vector<std::uint32_t> layers(state.blocks.size(), TagTree::never), planes = layers;
    for (const Contribution &contribution : header.contributions) {
        if (contribution.band == band) {
            layers[contribution.block] = layer;
            planes[contribution.block] = contribution.zero_planes;
        }
    }
    state.inclusion.set_values(layers);
    state.zero_planes.set_values(planes);
}

} // namespace

std::uint32_t passes_in_segment(std::uint32_t style, std::uint32_t done)
{
    if ((style & style_ht) != 0) {
        // The cleanup pass, then the refinement passes (T.814 clause 7).
        return done == 0 ? 1 : most_passes;
    }
    if ((style & style_termall) != 0) {
        return 1;
    }
    if ((style & style_bypass) != 0) {
        // The first segment has ten passes. Then segments of two raw passes and of one
        // arithmetic-coded pass alternate.
        return done < 10 ? 10 - done : (done - 10) % 3 == 0 ? 2 : 1;
    }
    return most_passes;
}

bool read_packet_header(HeaderReader &bits, std::uint32_t style, std::uint32_t layer, PrecinctState &state,
                        PacketHeader &header)
{
    for (std::uint32_t band = 0; band < state.size(); ++band) {
        BandState &now = state[band];
        for (std::uint32_t index = 0; index < now.blocks.size() && !bits.ended(); ++index) {
            Block &block = now.blocks[index];
            const bool first = block.passes == 0;
            if (first ? !now.inclusion.read(bits, index, layer + 1) : bits.bit() == 0) {
                continue;
            }
            Contribution contribution;
            contribution.band = band;
            contribution.block = index;
            contribution.planes_bit = header.record.size();
            contribution.opens_band = !now.started;
            now.started = true;
            if (first && !read_zero_planes(bits, now.zero_planes, contribution)) {
                return false;
            }
            if (first) {
                block.number = header.blocks++;
            }
            contribution.number = block.number;
            contribution.first_bit = header.record.size();
            contribution.first_segment = header.segments.size();
            if (!read_lengths(bits, style, block, contribution, header.segments)) {
                return false;
            }
            contribution.last_bit = header.record.size();
            contribution.end_segment = header.segments.size();
            header.contributions.push_back(contribution);
        }
    }
    return true;
}

void write_packet_header(HeaderWriter &bits, std::uint32_t layer, PrecinctState &state,
                         const PacketHeader &header)
{
    auto next = header.contributions.cbegin();
    for (std::uint32_t band = 0; band < state.size(); ++band) {
        BandState &now = state[band];
        set_values(now, band, layer, header);
        for (std::uint32_t index = 0; index < now.blocks.size(); ++index) {
            const bool included =
                next != header.contributions.cend() && next->band == band && next->block == index;
            const bool first = now.blocks[index].passes == 0;
            if (first) {
                now.inclusion.write(bits, index, layer + 1);
            } else {
                bits.bit(included ? 1 : 0);
            }
            if (!included) {
                continue;
            }
            if (first) {
                now.zero_planes.write(bits, index, next->zero_planes + 1);
            }
            for (std::size_t i = next->first_bit; i < next->last_bit; ++i) {
                bits.bit(header.record[i] ? 1 : 0);
            }
            ++next;
        }
    }
}

} // namespace j2kl
