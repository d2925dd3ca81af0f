#include "codestream/repair.hpp"

#include "base/bytes.hpp"
#include "base/failure.hpp"
#include "codestream/coding.hpp"
#include "codestream/markers.hpp"
#include "codestream/order.hpp"
#include "codestream/packets.hpp"
#include "codestream/precincts.hpp"
#include "codestream/tile_parts.hpp"

#include <algorithm>

namespace j2kl {

namespace {

constexpr std::uint64_t most_added = std::uint64_t{64} << 20;

// OpenJPEG's time for tiles that are missing grows faster than their number: a minute for all that a short file can
// declare. A file may lack this many, and one more for so many of its bytes.
constexpr std::uint64_t most_missing_tiles = 4096, bytes_of_missing_tile = 64;

// The same for packets: a file may lack this many, and so many more for each of its bytes.
constexpr std::uint64_t most_missing_packets = std::uint64_t{1} << 19, missing_packets_of_byte = 64;

constexpr const char *truncated = "the codestream is truncated";

using Output = std::vector<std::uint8_t>;

void append(Output &out, const Bytes &bytes)
{
    out.insert(out.end(), bytes.data, bytes.data + bytes.size);
}

void append_u16(Output &out, std::uint32_t value)
{
    out.insert(out.end(), {static_cast<std::uint8_t>(value >> 8), static_cast<std::uint8_t>(value)});
}

Bytes between(const Bytes &bytes, std::size_t begin, std::size_t end)
{
    return bytes.from(begin, end - begin);
}

// How a tile is rewritten.
struct Plan {
    bool changed = false;
    std::size_t parts = 0; // number of tile-parts that are kept
    std::size_t kept = 0;  // bytes of data that the last of them keeps
    Output tail;           // packets that follow these bytes
};

class Rewriter {
public:
    Rewriter(const Bytes &codestream, const TileGrid &grid, TileParts parts)
        : in_(codestream), grid_(grid), parts_(std::move(parts))
    {
    }

    // Returns false if the codestream has to be left to OpenJPEG.
    bool run(Output &out)
    {
        if (!read_main_header() || !find_data()) {
            return false;
        }
        plans_.resize(parts_.of_tile.size());
        for (std::uint32_t tile = 0; tile < plans_.size(); ++tile) {
            if (!parts_.has_all_of(tile) && !plan(tile)) {
                return false;
            }
        }
        if (!changed_ && parts_.ended) {
            return false; // only tiles without samples are missing; OpenJPEG expects no tile-part for them
        }
        return write(out);
    }

    // Whether every tile has all of its packets and no other bytes, and no tile-part ends within a packet.
    bool has_all_packets()
    {
        if (!read_main_header() || !find_data()) {
            return false;
        }
        for (std::uint32_t tile = 0; tile < parts_.of_tile.size(); ++tile) {
            Coding coding = coding_;
            if (!effort_.spend(coding.components.size()) || !read_tile_headers(tile, coding)) {
                return false;
            }
            const Rect area = grid_.tile(tile);
            const std::optional<std::uint64_t> packets = count_packets(coding, area, effort_);
            if (!packets || *packets > in_.size) { // a packet has at least one byte
                return false;
            }
            Output joined;
            std::vector<Packet> found;
            const std::vector<std::uint32_t> &parts = parts_.of_tile[tile];
            const std::optional<PacketWalk> walk =
                parts.empty() ? PacketWalk{}
                              : walk_packets(coding, area, data_of(parts, joined), effort_, &found);
            if (!walk || walk->packets < *packets || walk->damaged || !are_parts(parts, found)) {
                return false;
            }
        }
        return true;
    }

    // Whether no tile-part ends within one of its packets.
    bool are_parts(const std::vector<std::uint32_t> &parts, const std::vector<Packet> &packets) const
    {
        std::size_t packet = 0;
        for (const std::uint32_t part : parts) {
            std::size_t left = data_size(part);
            while (left > 0 && packet < packets.size() && packets[packet].size() <= left) {
                left -= packets[packet++].size();
            }
            if (left > 0) {
                return false;
            }
        }
        return packet == packets.size();
    }

    // Says what is missing or wrong, after a run that has rewritten the codestream.
    void describe(Repair &result) const
    {
        if (incomplete_ > 0) {
            result.missing = truncated;
            if (plans_.size() > 1) {
                result.missing += ": data of " + std::to_string(incomplete_) + " of " +
                                  std::to_string(plans_.size()) + " tiles is missing";
            }
        } else if (!parts_.ended) {
            result.missing = "the codestream does not end as it should, but no tile lacks data";
        } else {
            result.warning =
                "the codestream has fewer tile-parts than its headers say, but no tile lacks data";
        }
    }

private:
    // Reads a marker segment. The cost is bounded, as a file may repeat segments that set all components.
    bool read(std::uint32_t name, const Bytes &content, bool in_tile, Coding &coding)
    {
        return effort_.spend(1 + coding.components.size()) && coding.read(name, content, in_tile);
    }

    bool read_main_header()
    {
        const auto visit = [&](std::uint32_t name, std::size_t, const Bytes &content) {
            return read(name, content, false, coding_);
        };
        return for_segments(in_, 2, marker::sot, visit) && coding_.whole.layers > 0;
    }

    // Finds where the header of every tile-part ends. Removes the last tile-part if its header is truncated.
    bool find_data()
    {
        data_.resize(parts_.all.size());
        for (std::size_t i = 0; i < data_.size(); ++i) {
            const TilePart &part = parts_.all[i];
            const auto pass = [](std::uint32_t, std::size_t, const Bytes &) { return true; };
            const std::optional<std::size_t> sod =
                for_segments(in_.from(0, part.end), part.begin + 12, marker::sod, pass);
            if (sod) {
                data_[i] = *sod + 2;
            } else if (part.cut) {
                parts_.of_tile[part.tile].pop_back(); // the last one is also the last of its tile
                parts_.all.pop_back();
                data_.pop_back();
            } else {
                return false;
            }
        }
        return true;
    }

    // Applies the tile-part headers of a tile on top of the main header.
    bool read_tile_headers(std::uint32_t tile, Coding &coding)
    {
        const auto visit = [&](std::uint32_t name, std::size_t, const Bytes &content) {
            return read(name, content, true, coding);
        };
        for (const std::uint32_t part : parts_.of_tile[tile]) {
            if (!for_segments(in_, parts_.all[part].begin + 12, marker::sod, visit)) {
                return false;
            }
        }
        return true;
    }

    bool plan(std::uint32_t tile)
    {
        const std::vector<std::uint32_t> &parts = parts_.of_tile[tile];
        Coding coding = coding_;
        if (!effort_.spend(coding.components.size()) || !read_tile_headers(tile, coding)) {
            return false;
        }
        const Rect area = grid_.tile(tile);
        const std::optional<std::uint64_t> packets = count_packets(coding, area, effort_);
        if (packets && *packets > most_missing_packets + missing_packets_of_byte * in_.size + in_.size) {
            lacks_packets(); // a packet has at least one byte: no need to look for them
        }
        std::optional<PacketWalk> walk = PacketWalk{};
        bool cut = true;
        if (!parts.empty()) {
            cut = parts_.all[parts.back()].cut;
            Output joined;
            walk = walk_packets(coding, area, data_of(parts, joined), effort_);
        }
        if (!packets || !walk) {
            return false;
        }
        if (parts.empty() && *packets == 0) {
            return true; // a tile without samples, as subsampling can cause
        }
        if (parts.empty() && ++missing_tiles_ > most_missing_tiles + in_.size / bytes_of_missing_tile) {
            throw Failure(J2KL_ERROR_LIMIT, "the codestream is truncated, and lacks too many tiles");
        }
        Plan &result = plans_[tile];
        result.changed = changed_ = true;
        if (walk->packets >= *packets || (walk->damaged && !cut)) {
            keep(parts, cut ? walk->size : SIZE_MAX, result); // no packet is missing, or none by truncation
            return true;
        }
        keep(parts, walk->size, result);
        ++incomplete_;
        result.tail = std::move(walk->rest);
        const std::uint64_t present = walk->packets + (result.tail.empty() ? 0 : 1);
        const std::uint64_t missing = *packets - present;
        missing_packets_ += std::min(missing, most_added);
        if (missing > (most_added - added_) / empty_packet_size(coding) ||
            missing_packets_ > most_missing_packets + missing_packets_of_byte * in_.size) {
            lacks_packets();
        }
        added_ += missing * empty_packet_size(coding);
        append_empty_packets(coding, present, missing, result.tail);
        return true;
    }

    [[noreturn]] static void lacks_packets()
    {
        throw Failure(J2KL_ERROR_LIMIT, "the codestream is truncated, and lacks too many packets");
    }

    std::size_t data_size(std::uint32_t part) const { return parts_.all[part].end - data_[part]; }

    void keep(const std::vector<std::uint32_t> &parts, std::size_t size, Plan &plan) const
    {
        while (plan.parts < parts.size() && (plan.parts == 0 || size > 0)) {
            plan.kept = std::min(size, data_size(parts[plan.parts++]));
            size -= plan.kept;
        }
    }

    Bytes data_of(const std::vector<std::uint32_t> &parts, Output &joined) const
    {
        if (parts.size() == 1) {
            return between(in_, data_[parts[0]], parts_.all[parts[0]].end);
        }
        for (const std::uint32_t part : parts) {
            append(joined, between(in_, data_[part], parts_.all[part].end));
        }
        return {joined.data(), joined.size()};
    }

    bool write(Output &out) const
    {
        write_main_header(out);
        for (std::uint32_t i = 0; i < data_.size(); ++i) {
            const TilePart &part = parts_.all[i];
            if (!plans_[part.tile].changed) {
                append(out, between(in_, part.begin, part.end));
            } else if (!write_part(i, plans_[part.tile], out)) {
                return false;
            }
        }
        for (std::uint32_t tile = 0; tile < plans_.size(); ++tile) {
            if (parts_.of_tile[tile].empty() && plans_[tile].changed) {
                append_u16(out, marker::sot);
                append_u16(out, 10);
                append_u16(out, tile);
                const auto length = static_cast<std::uint32_t>(14 + plans_[tile].tail.size());
                append_u16(out, length >> 16);
                append_u16(out, length & 0xffff);
                append_u16(out, 1); // TPsot 0, TNsot 1
                append_u16(out, marker::sod);
                append(out, {plans_[tile].tail.data(), plans_[tile].tail.size()});
            }
        }
        append_u16(out, marker::eoc);
        return true;
    }

    // Copies the main header without TLM and PLM: the lengths in them may have changed.
    void write_main_header(Output &out) const
    {
        append(out, in_.from(0, 2));
        for_segments(in_, 2, marker::sot, [&](std::uint32_t name, std::size_t at, const Bytes &content) {
            if (name != marker::tlm && name != marker::plm) {
                append(out, between(in_, at, at + 4 + content.size));
            }
            return true;
        });
    }

    bool write_part(std::uint32_t index, const Plan &plan, Output &out) const
    {
        const TilePart &part = parts_.all[index];
        const std::size_t number = in_.data[part.begin + 10], start = out.size();
        if (number >= plan.parts) {
            return true;
        }
        const bool last = number + 1 == plan.parts;
        const bool same = !last || (plan.tail.empty() && plan.kept == data_size(index));
        append(out, in_.from(part.begin, 12));
        for_segments(in_, part.begin + 12, marker::sod,
                     [&](std::uint32_t name, std::size_t at, const Bytes &content) {
                         if (name != marker::plt || same) {
                             append(out, between(in_, at, at + 4 + content.size));
                         }
                         return true;
                     });
        append_u16(out, marker::sod);
        append(out, in_.from(data_[index], last ? plan.kept : data_size(index)));
        if (last) {
            append(out, {plan.tail.data(), plan.tail.size()});
        }
        const std::uint64_t length = out.size() - start;
        for (std::uint32_t i = 0; i < 4; ++i) {
            out[start + 6 + i] = static_cast<std::uint8_t>(length >> (24 - 8 * i));
        }
        out[start + 11] = static_cast<std::uint8_t>(plan.parts);
        return length <= UINT32_MAX;
    }

    Bytes in_;
    TileGrid grid_;
    TileParts parts_;
    Coding coding_;
    std::vector<std::size_t> data_; // of every tile-part: the offset after SOD
    std::vector<Plan> plans_;
    Effort effort_;
    std::uint64_t added_ = 0, incomplete_ = 0, missing_tiles_ = 0, missing_packets_ = 0;
    bool changed_ = false;
};

// Some encoders write a TNsot that is not the number of tile-parts. OpenJPEG then leaves out the rest of the tile, and
// corrects only a number that is too small by one. Changes nothing if all numbers are right.
void correct_counts(const Bytes &file, std::size_t begin, const TileParts &parts, Output &out)
{
    for (const TilePart &part : parts.all) {
        const std::size_t count = parts.of_tile[part.tile].size();
        if (part.count == 0 || part.count == count || count > UINT8_MAX) {
            continue;
        }
        if (out.empty()) {
            append(out, file);
        }
        out[begin + part.begin + 11] = static_cast<std::uint8_t>(count);
    }
}

// Puts the codestream in a file of its own, and leaves the boxes before it.
void append_boxes(const Bytes &file, const CodestreamScan &scan, Output &out)
{
    if (scan.is_jp2) {
        append(out, file.from(0, scan.box));
        append(out, {reinterpret_cast<const std::uint8_t *>("\0\0\0\0jp2c"), 8}); // length 0
    }
}

// Repairs a codestream whose tile-parts are not where or in the order that they should be. If that does not make it
// complete, for example because a length is wrong, it is left to OpenJPEG.
Repair put_in_order(const Bytes &file, const CodestreamScan &scan)
{
    Repair result;
    const std::uint64_t tiles = scan.tiles.count();
    Output ordered = in_order(between(file, scan.begin, scan.end), tiles);
    if (ordered.empty()) {
        ordered = in_order(between(file, scan.begin, file.size), tiles);
    }
    const Bytes codestream = {ordered.data(), ordered.size()};
    std::optional<TileParts> parts = ordered.empty() ? std::nullopt : find_tile_parts(codestream, tiles);
    if (parts && parts->ended && Rewriter(codestream, scan.tiles, std::move(*parts)).has_all_packets()) {
        append_boxes(file, scan, result.bytes);
        append(result.bytes, codestream);
        result.warning = "the tile-parts are not in order, or other bytes lie between them";
    }
    return result;
}

} // namespace

Repair repair(const std::uint8_t *data, std::size_t size, const CodestreamScan &scan)
{
    Repair result;
    if (!scan.has_size) {
        return result;
    }
    // OpenJPEG ignores where the box ends: look for tile-parts up to the end of the file first.
    const Bytes file = {data, size};
    const std::uint64_t tiles = scan.tiles.count();
    std::optional<TileParts> parts = find_tile_parts(between(file, scan.begin, size), tiles);
    if (parts && parts->complete()) {
        correct_counts(file, scan.begin, *parts, result.bytes);
        return result;
    }
    const Bytes codestream = between(file, scan.begin, scan.end);
    if (scan.end < size) {
        parts = find_tile_parts(codestream, tiles);
    }
    if (!parts) {
        return put_in_order(file, scan);
    }
    const bool ended = parts->ended;
    append_boxes(file, scan, result.bytes);
    Rewriter work(codestream, scan.tiles, std::move(*parts));
    if (work.run(result.bytes)) {
        work.describe(result);
    } else {
        result.bytes.clear();
        result.missing = ended ? "" : truncated;
    }
    return result;
}

} // namespace j2kl
