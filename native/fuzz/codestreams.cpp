// Targets of codestream/ and transport/: headers, tile-parts, packets, repair, and decoding by OpenJPEG.
#include "base/failure.hpp"
#include "codestream/half_steps.hpp"
#include "codestream/markers.hpp"
#include "codestream/order.hpp"
#include "codestream/repair.hpp"
#include "codestream/scan.hpp"
#include "codestream/tile_parts.hpp"
#include "decoder/main_header.hpp"
#include "decoder/source.hpp"
#include "fuzz/targets.hpp"
#include "j2kl.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <vector>

namespace j2kl::fuzz {

namespace {

using Data = std::vector<std::uint8_t>;

constexpr std::uint64_t most_tiles = 4096; // as j2kl_limits of a careful caller

// Runs a body whose failures are expected.
template <class Body> void attempt(const Body &body)
{
    try {
        body();
    } catch (const Failure &) {
    }
}

std::optional<CodestreamScan> scanned(const std::uint8_t *data, std::size_t size)
{
    std::optional<CodestreamScan> result;
    attempt([&] { result = scan(data, size); });
    if (result) {
        expect(result->begin <= result->end && result->end <= size, "the codestream lies in the file");
    }
    return result;
}

void append(Data &target, const std::uint8_t *begin, const std::uint8_t *end)
{
    target.insert(target.end(), begin, end);
}

} // namespace

void main_header(const std::uint8_t *data, std::size_t size)
{
    const std::optional<CodestreamScan> found = scanned(data, size);
    attempt([&] {
        const picture::Source source(data, size);
        const Data head = picture::read_main_header(source, picture::find_codestream(source));
        const picture::MainHeader header({head.data(), head.size()});
        expect(!header.components.empty(), "a main header has components");
        expect(header.quantisation.size() == header.components.size(), "every component has a quantisation");
    });
    if (found && found->has_size) {
        attempt([&] {
            half_step_header({data + found->begin, found->end - found->begin}, found->tiles.count());
        });
    }
}

void tile_parts(const std::uint8_t *data, std::size_t size)
{
    const std::optional<CodestreamScan> found = scanned(data, size);
    if (!found || !found->has_size || found->tiles.count() > most_tiles) {
        return;
    }
    const Bytes codestream = {data + found->begin, found->end - found->begin};
    const auto check = [&](const Bytes &bytes, const TileParts &parts) {
        std::size_t end = parts.header_end;
        for (const TilePart &part : parts.all) {
            expect(part.begin == end && part.begin < part.end && part.end <= bytes.size, "tile-parts are disjoint");
            end = part.end;
        }
    };
    if (const auto parts = find_tile_parts(codestream, found->tiles.count())) {
        check(codestream, *parts);
    }
    const Data ordered = in_order(codestream, found->tiles.count());
    if (!ordered.empty()) {
        const Bytes bytes = {ordered.data(), ordered.size()};
        const auto parts = find_tile_parts(bytes, found->tiles.count());
        expect(parts.has_value(), "tile-parts that were put in order are in order");
        check(bytes, *parts);
    }
}

// Reads the packets of every tile, with the packed headers of its PPT marker segments if it has any.
void packet_headers(const std::uint8_t *data, std::size_t size)
{
    const std::optional<CodestreamScan> found = scanned(data, size);
    if (!found || !found->has_size || found->tiles.count() > most_tiles) {
        return;
    }
    const Bytes codestream = {data + found->begin, found->end - found->begin};
    const auto parts = find_tile_parts(codestream, found->tiles.count());
    if (!parts) {
        return;
    }
    // Copies of the right size, so that the sanitizer sees a byte that is read too much.
    const Data head(codestream.data, codestream.data + parts->header_end + 2);
    j2kl_packets *packets = nullptr;
    if (j2kl_packets_open(head.data(), head.size(), nullptr, &packets) != J2KL_OK) {
        return;
    }
    for (std::uint32_t tile = 0; tile < std::min<std::size_t>(parts->of_tile.size(), 8); ++tile) {
        Data segments, body, packed;
        for (const std::uint32_t index : parts->of_tile[tile]) {
            const TilePart &part = parts->all[index];
            const auto keep = [&](std::uint32_t name, std::size_t, const Bytes &content) {
                if (name == marker::ppt && content.size > 0) {
                    append(packed, content.data + 1, content.data + content.size);
                }
                return true;
            };
            const auto sod = for_segments(codestream.from(0, part.end), part.begin + 12, marker::sod, keep);
            if (sod) {
                append(segments, codestream.data + part.begin + 12, codestream.data + *sod);
                append(body, codestream.data + *sod + 2, codestream.data + part.end);
            }
        }
        segments.push_back(marker::sod >> 8);
        segments.push_back(marker::sod & 0xff);
        const j2kl_packet *list = nullptr;
        std::size_t listed = 0, count = 0;
        const int complete =
            j2kl_packets_list(packets, tile, segments.data(), segments.size(), &list, &listed);
        body.reserve(body.size() + 1); // so that data() is not null
        const int code =
            j2kl_packets_find(packets, tile, segments.data(), segments.size(), body.data(), body.size(),
                              packed.empty() ? nullptr : packed.data(), packed.size(), &list, &count);
        for (std::size_t i = 0; code == J2KL_OK && i < count; ++i) {
            const std::size_t headers = packed.empty() ? body.size() : packed.size();
            expect(list[i].begin <= list[i].body && list[i].body <= list[i].end && list[i].end <= body.size() &&
                       list[i].header <= headers && list[i].header_size <= headers - list[i].header,
                   "packets lie in the data");
        }
        expect(complete != J2KL_OK || code != J2KL_OK || count == listed, "a complete tile has all packets");
    }
    j2kl_packets_free(packets);
}

// A repaired file is complete, or at least nothing that the repair refuses.
void repair(const std::uint8_t *data, std::size_t size)
{
    const std::optional<CodestreamScan> found = scanned(data, size);
    if (!found || !found->has_size || found->tiles.count() > most_tiles) {
        return;
    }
    attempt([&] {
        const Repair first = j2kl::repair(data, size, *found);
        if (first.bytes.empty()) {
            return;
        }
        const CodestreamScan again = scan(first.bytes.data(), first.bytes.size());
        expect(again.has_size && again.tiles.count() == found->tiles.count(), "a repaired file keeps its size");
        const Bytes codestream = {first.bytes.data() + again.begin, again.end - again.begin};
        const auto parts = find_tile_parts(codestream, again.tiles.count());
        expect(parts.has_value(), "a repaired file has valid tile-parts");
        if (!first.missing.empty()) {
            expect(parts->ended, "a completed codestream ends with EOC");
        }
    });
}

// The last eight bytes are options, so that the first ones are those of a file.
void transport(const std::uint8_t *data, std::size_t size)
{
    if (size < 8) {
        return;
    }
    const std::uint8_t *const options = data + size - 8;
    const Data file(data, options);
    const j2kl_limits limits = {1U << 16, most_tiles};
    const auto report = std::make_unique<j2kl_report>();
    j2kl_decoder *decoder = nullptr;
    if (file.empty() || j2kl_decoder_open(file.data(), file.size(), &limits, report.get(), &decoder) != J2KL_OK) {
        return;
    }
    j2kl_request request{};
    request.reduce = options[0] & 7;
    request.layers = options[1] & 7;
    request.half_steps = options[2] & 1;
    request.strict = (options[2] & 2) != 0 ? 1 : 0;
    const std::uint32_t list[] = {options[3] & 3U};
    if ((options[2] & 4) != 0) {
        request.component_count = 1;
        request.component_list = list;
    }
    j2kl_header header{};
    if (j2kl_decoder_header(decoder, &header) == J2KL_OK && (options[2] & 8) != 0) {
        request.x0 = header.x0 + options[4];
        request.y0 = header.y0 + options[5];
        request.x1 = request.x0 + 1 + options[6];
        request.y1 = request.y0 + 1 + options[7];
    }
    std::uint32_t count = 0;
    if (j2kl_decoder_decode(decoder, &request) == J2KL_OK) {
        j2kl_decoder_component_count(decoder, &count);
    }
    for (std::uint32_t i = 0; i < count; ++i) {
        j2kl_component component{};
        if (j2kl_decoder_component(decoder, i, &component) != J2KL_OK) {
            continue;
        }
        const std::size_t samples = std::size_t{component.width} * component.height;
        expect(samples <= limits.max_samples, "the limit of samples holds");
        std::vector<std::int32_t> plane(samples + 1);
        j2kl_decoder_get_samples(decoder, i, plane.data());
        j2kl_decoder_get_subbands(decoder, i, options[0] >> 4 & 3, plane.data());
    }
    j2kl_decoder_free(decoder);
}

} // namespace j2kl::fuzz
