#include "codestream/packets.hpp"

#include "codestream/header_bits.hpp"
#include "codestream/markers.hpp"
#include "codestream/packet_header.hpp"

#include <algorithm>
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
    Walker(const Coding &coding, const Rect &tile, const Bytes &data, Effort &effort, const Bytes *headers,
           const PacketVisit &visit)
        : coding_(coding), tile_(tile), data_(data), headers_(headers), effort_(effort), visit_(visit)
    {
    }

    std::optional<PacketWalk> run(std::vector<Packet> *packets)
    {
        std::optional<std::vector<Precinct>> precincts = list_precincts(coding_, tile_, effort_);
        if (!precincts) {
            return std::nullopt;
        }
        states_.resize(precincts->size());
        Outcome outcome = Outcome::whole;
        for_packets(coding_, *precincts, [&](std::uint32_t index, std::uint32_t layer) {
            const Precinct &precinct = (*precincts)[index];
            packet_ = {precinct.component, precinct.resolution, precinct.index, layer, false, result_.size, 0, 0, 0, 0};
            outcome = read(precinct, states_[index], layer);
            if (outcome != Outcome::whole) {
                return false;
            }
            if (packets != nullptr) {
                packets->push_back(packet_);
            }
            if (visit_) {
                visit_(packet_, header_);
            }
            ++result_.packets;
            result_.size = packet_.end;
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

    static bool has_marker(const Bytes &bytes, std::size_t at, std::uint32_t name)
    {
        return at <= bytes.size && bytes.size - at >= 2 && bytes.u16(at) == name;
    }

    Outcome read(const Precinct &precinct, std::unique_ptr<PrecinctState> &state, std::uint32_t layer)
    {
        std::size_t at = result_.size;
        if (coding_.sop && has_marker(data_, at, marker::sop)) {
            packet_.sop = true;
            at = std::min(at + 6, data_.size);
        }
        const Bytes &source = headers_ != nullptr ? *headers_ : data_;
        packet_.header = headers_ != nullptr ? next_header_ : at;
        header_.record.clear();
        header_.contributions.clear();
        header_.segments.clear();
        HeaderReader bits(source, packet_.header, header_.record);
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
        std::size_t header_end = bits.finish();
        if (bits.ended()) {
            return Outcome::cut;
        }
        // A missing EPH marker is accepted, as OpenJPEG accepts it.
        if (coding_.eph && has_marker(source, header_end, marker::eph)) {
            header_end += 2;
        } else if (coding_.eph && headers_ == nullptr && source.size - header_end < 2) {
            return Outcome::cut;
        }
        packet_.header_size = header_end - packet_.header;
        packet_.body = packet_.end = headers_ != nullptr ? at : header_end;
        for (std::size_t i = 0; i < header_.contributions.size(); ++i) {
            const std::uint64_t size = header_.contributions[i].size;
            if (size > data_.size - packet_.end) {
                header_.contributions.resize(i);
                if (headers_ == nullptr) {
                    write_rest(before, layer, data_.from(packet_.body, packet_.end - packet_.body));
                }
                return Outcome::cut;
            }
            packet_.end += static_cast<std::size_t>(size);
        }
        next_header_ = header_end;
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
    const Bytes *headers_;        // packed packet headers; null: they are in the data
    std::size_t next_header_ = 0; // in the packed packet headers
    Effort &effort_;
    const PacketVisit &visit_;
    std::vector<std::unique_ptr<PrecinctState>> states_;
    std::uint64_t blocks_ = 0;
    PacketHeader header_; // of the current packet
    Packet packet_{};     // the current packet
    PacketWalk result_;
};

} // namespace

std::optional<PacketWalk> walk_packets(const Coding &coding, const Rect &tile, const Bytes &data, Effort &effort,
                                       std::vector<Packet> *packets, const Bytes *headers,
                                       const PacketVisit &visit)
{
    return Walker(coding, tile, data, effort, headers, visit).run(packets);
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
