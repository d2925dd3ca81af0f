#include "codestream/packets.hpp"

#include "codestream/header_bits.hpp"
#include "codestream/markers.hpp"
#include "codestream/packet_header.hpp"

#include <memory>
#include <utility>

namespace j2kl {

namespace {

constexpr std::uint64_t most_blocks = std::uint64_t{1} << 22;

void append_start(const Coding &coding, std::uint64_t number, std::vector<std::uint8_t> &bytes)
{
    if (coding.sop) {
        const auto high = static_cast<std::uint8_t>(number >> 8), low = static_cast<std::uint8_t>(number);
        bytes.insert(bytes.end(), {marker::sop >> 8, marker::sop & 0xff, 0, 4, high, low});
    }
}

void append_end_of_header(const Coding &coding, std::vector<std::uint8_t> &bytes)
{
    if (coding.eph) {
        bytes.insert(bytes.end(), {marker::eph >> 8, marker::eph & 0xff});
    }
}

class Walker {
public:
    Walker(const Coding &coding, const Rect &tile, const Bytes &data, Effort &effort)
        : coding_(coding), tile_(tile), data_(data), effort_(effort)
    {
    }

    std::optional<PacketWalk> run(std::vector<std::size_t> *sizes)
    {
        std::optional<std::vector<Precinct>> precincts = list_precincts(coding_, tile_, effort_);
        if (!precincts) {
            return std::nullopt;
        }
        states_.resize(precincts->size());
        Outcome outcome = Outcome::whole;
        for_packets(coding_, *precincts, [&](std::uint32_t index, std::uint32_t layer) {
            outcome = read((*precincts)[index], states_[index], layer);
            if (outcome != Outcome::whole) {
                return false;
            }
            if (sizes != nullptr) {
                sizes->push_back(end_ - result_.size);
            }
            ++result_.packets;
            result_.size = end_;
            return true;
        });
        if (outcome == Outcome::too_much) {
            return std::nullopt;
        }
        result_.damaged = outcome == Outcome::damaged;
        return std::move(result_);
    }

private:
    enum class Outcome { whole, cut, damaged, too_much };

    bool has_marker(std::size_t at, std::uint32_t name) const
    {
        return at <= data_.size && data_.size - at >= 2 && data_.u16(at) == name;
    }

    Outcome read(const Precinct &precinct, std::unique_ptr<PrecinctState> &state, std::uint32_t layer)
    {
        std::size_t at = result_.size;
        if (coding_.sop && has_marker(at, marker::sop)) {
            at += 6;
        }
        header_.record.clear();
        header_.contributions.clear();
        HeaderReader bits(data_, at, header_.record);
        const bool any = bits.bit() != 0;
        PrecinctState before; // the state from which a truncated packet is rewritten
        if (any) {
            if ((!state && !allocate_state(precinct, state)) || !effort_.spend(count_blocks(*state))) {
                return Outcome::too_much;
            }
            before = *state;
            const std::uint32_t style = coding_.components[precinct.component].style;
            if (!read_packet_header(bits, style, layer, *state, header_) && !bits.ended()) {
                return Outcome::damaged;
            }
        }
        std::size_t body = bits.finish();
        if (bits.ended()) {
            return Outcome::cut;
        }
        // A missing EPH marker is accepted, as OpenJPEG accepts it.
        if (coding_.eph && has_marker(body, marker::eph)) {
            body += 2;
        } else if (coding_.eph && data_.size - body < 2) {
            return Outcome::cut;
        }
        end_ = body;
        for (std::size_t i = 0; i < header_.contributions.size(); ++i) {
            const std::uint64_t size = header_.contributions[i].size;
            if (size > data_.size - end_) {
                header_.contributions.resize(i);
                write_rest(before, layer, data_.from(body, end_ - body));
                return Outcome::cut;
            }
            end_ += static_cast<std::size_t>(size);
        }
        return Outcome::whole;
    }

    // Allocated on first use: in a truncated file, most precincts have no data.
    bool allocate_state(const Precinct &precinct, std::unique_ptr<PrecinctState> &state)
    {
        auto result = std::make_unique<PrecinctState>();
        for (const BlockGrid &grid : block_grids(coding_.components[precinct.component], tile_,
                                                 precinct.resolution, precinct.index)) {
            if (grid.count() > most_blocks - blocks_) {
                return false;
            }
            blocks_ += grid.count();
            result->emplace_back(grid);
        }
        state = std::move(result);
        return true;
    }

    static std::uint64_t count_blocks(const PrecinctState &state)
    {
        std::uint64_t result = 1;
        for (const BandState &band : state) {
            result += band.blocks.size();
        }
        return result;
    }

    // Keeps the complete code-blocks of a truncated packet: one packet often holds most of the picture.
    void write_rest(PrecinctState &before, std::uint32_t layer, const Bytes &body)
    {
        if (header_.contributions.empty()) {
            return;
        }
        append_start(coding_, result_.packets, result_.rest);
        HeaderWriter bits(result_.rest);
        bits.bit(1);
        write_packet_header(bits, layer, before, header_);
        bits.finish();
        append_end_of_header(coding_, result_.rest);
        result_.rest.insert(result_.rest.end(), body.data, body.data + body.size);
    }

    const Coding &coding_;
    Rect tile_;
    Bytes data_;
    Effort &effort_;
    std::vector<std::unique_ptr<PrecinctState>> states_;
    std::uint64_t blocks_ = 0;
    PacketHeader header_; // of the current packet
    std::size_t end_ = 0;
    PacketWalk result_;
};

} // namespace

std::optional<PacketWalk> walk_packets(const Coding &coding, const Rect &tile, const Bytes &data,
                                       Effort &effort, std::vector<std::size_t> *sizes)
{
    return Walker(coding, tile, data, effort).run(sizes);
}

std::uint64_t empty_packet_size(const Coding &coding)
{
    return 1 + (coding.sop ? 6U : 0U) + (coding.eph ? 2U : 0U);
}

void append_empty_packets(const Coding &coding, std::uint64_t first, std::uint64_t count,
                          std::vector<std::uint8_t> &bytes)
{
    for (std::uint64_t i = 0; i < count; ++i) {
        append_start(coding, first + i, bytes);
        bytes.push_back(0);
        append_end_of_header(coding, bytes);
    }
}

} // namespace j2kl
