#include "codestream/packet_list.hpp"

#include "base/failure.hpp"
#include "codestream/markers.hpp"
#include "codestream/packets.hpp"
#include "codestream/raised_planes.hpp"
#include "codestream/scan.hpp"

#include <optional>
#include <string>

namespace j2kl {

namespace {

constexpr std::uint64_t most_packets = std::uint64_t{1} << 23; // of a tile

Failure failure(int code, std::uint32_t tile, const char *text)
{
    return Failure(code, "tile " + std::to_string(tile) + text);
}

} // namespace

PacketList::PacketList(const std::uint8_t *head, std::size_t size, j2kl_report *report)
    : reporter_(report), tiles_(scan(head, size).tiles)
{
    const auto visit = [&](std::uint32_t name, std::size_t, const Bytes &content) {
        return read(name, content, false, coding_);
    };
    if (!for_segments({head, size}, 2, marker::sot, visit) || coding_.whole.layers == 0) {
        throw Failure(J2KL_ERROR_OPENJPEG, "the main header of the codestream is damaged");
    }
}

// The cost is bounded, as a file may repeat segments that set all components.
bool PacketList::read(std::uint32_t name, const Bytes &content, bool in_tile, Coding &coding)
{
    return effort_.spend(1 + coding.components.size()) && coding.read(name, content, in_tile);
}

Coding PacketList::coding_of(std::uint32_t tile, const Bytes &segments)
{
    Coding coding = coding_;
    const auto visit = [&](std::uint32_t name, std::size_t, const Bytes &content) {
        return read(name, content, true, coding);
    };
    if (tile >= tiles_.count() || !effort_.spend(coding.components.size()) ||
        !for_segments(segments, 0, marker::sod, visit)) {
        throw failure(J2KL_ERROR_OPENJPEG, tile, " has a damaged tile-part header");
    }
    return coding;
}

std::uint64_t PacketList::count(std::uint32_t tile, const Coding &coding)
{
    const std::optional<std::uint64_t> result = count_packets(coding, tiles_.tile(tile), effort_);
    if (!result || *result > most_packets) {
        throw failure(J2KL_ERROR_LIMIT, tile, " has too many packets");
    }
    return *result;
}

void PacketList::list(std::uint32_t tile, const Bytes &segments)
{
    packets_.clear();
    const Coding coding = coding_of(tile, segments);
    const std::uint64_t total = count(tile, coding);
    std::optional<std::vector<Precinct>> precincts = list_precincts(coding, tiles_.tile(tile), effort_);
    if (!precincts) {
        throw failure(J2KL_ERROR_LIMIT, tile, " has too many precincts");
    }
    packets_.reserve(static_cast<std::size_t>(total));
    for_packets(coding, *precincts, [&](std::uint32_t index, std::uint32_t layer) {
        const Precinct &precinct = (*precincts)[index];
        j2kl_packet packet = {};
        packet.component = precinct.component;
        packet.resolution = precinct.resolution;
        packet.precinct = precinct.index;
        packet.layer = layer;
        packets_.push_back(packet);
        return true;
    });
}

std::vector<Packet> PacketList::walk(std::uint32_t tile, const Coding &coding, const Bytes &data,
                                     const Bytes *headers, const PacketVisit &visit)
{
    const std::uint64_t total = count(tile, coding);
    const auto missing = [&] { return failure(J2KL_ERROR_OPENJPEG, tile, " is truncated: packets are missing"); };
    if (total > (headers != nullptr ? headers->size : data.size)) { // a header has at least one byte
        throw missing();
    }
    std::vector<Packet> found;
    const std::optional<PacketWalk> walked =
        walk_packets(coding, tiles_.tile(tile), data, effort_, &found, headers, visit);
    if (!walked) {
        throw failure(J2KL_ERROR_LIMIT, tile, " has too many code-blocks");
    }
    if (walked->damaged) {
        throw failure(J2KL_ERROR_OPENJPEG, tile, " has a damaged packet");
    }
    if (walked->packets < total) {
        throw missing();
    }
    return found;
}

void PacketList::keep(const std::vector<Packet> &found)
{
    packets_.reserve(found.size());
    for (const Packet &packet : found) {
        packets_.push_back({packet.begin, packet.header, packet.header_size, packet.body, packet.end,
                            packet.component, packet.resolution, packet.precinct, packet.layer,
                            packet.sop ? 1U : 0U, 0});
    }
}

void PacketList::find(std::uint32_t tile, const Bytes &segments, const Bytes &data, const Bytes *headers)
{
    packets_.clear();
    keep(walk(tile, coding_of(tile, segments), data, headers, {}));
}

void PacketList::raise(std::uint32_t tile, const Bytes &segments, const Bytes &data, const std::uint8_t *planes,
                       std::size_t planes_count)
{
    packets_.clear();
    const Coding coding = coding_of(tile, segments);
    RaisedPlanes raised(coding, planes, planes_count);
    walk(tile, coding, data, nullptr,
         [&](const Packet &packet, const PacketHeader &header) { raised.append(data, packet, header); });
    keep(raised.packets());
    bytes_ = raised.bytes();
}

} // namespace j2kl
