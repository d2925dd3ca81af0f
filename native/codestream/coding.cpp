#include "codestream/coding.hpp"

#include "codestream/markers.hpp"

#include <algorithm>
#include <optional>

namespace j2kl {

namespace {

constexpr std::size_t most_changes = 32; // OpenJPEG's limit

// SPcod and SPcoc, tables A.15 and A.23.
std::optional<ComponentCoding> read_parameters(const Bytes &content, bool precincts)
{
    ComponentCoding result;
    if (content.size < 5) {
        return std::nullopt;
    }
    result.levels = content.data[0];
    result.block_width = (content.data[1] & 15U) + 2;
    result.block_height = (content.data[2] & 15U) + 2;
    result.style = content.data[3];
    const bool sizes = result.block_width <= 10 && result.block_height <= 10 &&
                       result.block_width + result.block_height <= 12;
    // The other style bit mixes both block coders in one tile-component, which OpenJPEG (at least 2.5.0) does not support.
    if (result.levels > 32 || !sizes || (result.style & ~style_known) != 0) {
        return std::nullopt;
    }
    result.precincts.fill(0xff);
    if (!precincts) {
        return result;
    }
    if (content.size < 5 + result.levels + 1) {
        return std::nullopt;
    }
    for (std::uint32_t i = 0; i <= result.levels; ++i) {
        const std::uint8_t size = content.data[5 + i];
        // Above the lowest resolution a precinct is half as large in its subbands:
        // both exponents are at least 1.
        if (i > 0 && ((size & 15U) == 0 || size >> 4 == 0)) {
            return std::nullopt;
        }
        result.precincts[i] = size;
    }
    return result;
}

void assign(ComponentCoding &target, ComponentCoding source, std::uint32_t rank)
{
    if (rank >= target.rank) {
        source.dx = target.dx;
        source.dy = target.dy;
        source.rank = rank;
        target = source;
    }
}

} // namespace

bool Coding::read(std::uint32_t name, const Bytes &content, bool in_tile)
{
    switch (name) {
    case marker::siz:
        return !in_tile && read_siz(content);
    case marker::cod:
        return read_cod(content, in_tile);
    case marker::coc:
        return read_coc(content, in_tile);
    case marker::poc:
        return read_poc(content, in_tile);
    case marker::ppm:
    case marker::ppt:
        return false; // packed packet headers are not supported
    default:
        return true;
    }
}

bool Coding::read_siz(const Bytes &content)
{
    constexpr std::size_t fixed_part = 36; // up to Csiz
    if (content.size < fixed_part || content.size != fixed_part + 3 * std::size_t{content.u16(34)}) {
        return false;
    }
    components.assign(content.u16(34), {});
    for (std::size_t i = 0; i < components.size(); ++i) {
        components[i].dx = content.data[fixed_part + 3 * i + 1];
        components[i].dy = content.data[fixed_part + 3 * i + 2];
        if (components[i].dx == 0 || components[i].dy == 0) {
            return false;
        }
    }
    return true;
}

bool Coding::read_cod(const Bytes &content, bool in_tile)
{
    if (content.size < 5 || content.data[1] > 4) {
        return false;
    }
    const std::optional<ComponentCoding> parameters =
        read_parameters(content.from(5, content.size), (content.data[0] & 1U) != 0);
    whole.layers = content.u16(2);
    if (!parameters || whole.layers == 0) {
        return false;
    }
    sop = (content.data[0] & 2U) != 0;
    eph = (content.data[0] & 4U) != 0;
    whole.order = static_cast<Order>(content.data[1]);
    for (ComponentCoding &component : components) {
        assign(component, *parameters, in_tile ? 2 : 0);
    }
    return true;
}

bool Coding::read_coc(const Bytes &content, bool in_tile)
{
    const std::size_t wide = components.size() > 256 ? 2 : 1;
    if (content.size < wide + 1) {
        return false;
    }
    const std::uint32_t index = wide == 2 ? content.u16(0) : content.data[0];
    const std::optional<ComponentCoding> parameters =
        read_parameters(content.from(wide + 1, content.size), (content.data[wide] & 1U) != 0);
    if (!parameters || index >= components.size()) {
        return false;
    }
    assign(components[index], *parameters, in_tile ? 3 : 1);
    return true;
}

bool Coding::read_poc(const Bytes &content, bool in_tile)
{
    // T.800 says that the changes of a tile replace those of the main header. OpenJPEG (at least 2.5.0)
    // appends them. Such a codestream is left to OpenJPEG.
    if (in_tile && changes_in_main) {
        return false;
    }
    changes_in_main = !in_tile;
    const std::size_t wide = components.size() > 256 ? 2 : 1, entry = 5 + 2 * wide;
    if (content.size == 0 || content.size % entry != 0 ||
        content.size / entry > most_changes - changes.size()) {
        return false;
    }
    for (std::size_t at = 0; at < content.size; at += entry) {
        const auto component = [&](std::size_t from) {
            return wide == 2 ? content.u16(from) : std::uint32_t{content.data[from]};
        };
        Progression change;
        change.first_resolution = content.data[at];
        change.first_component = component(at + 1);
        change.layers = content.u16(at + 1 + wide);
        change.end_resolution = content.data[at + 3 + wide];
        change.end_component = component(at + 4 + wide);
        if (change.end_component == 0) {
            change.end_component = 16384; // 0 stands for 256 or 16384, which the field cannot hold
        }
        if (content.data[at + entry - 1] > 4) {
            return false;
        }
        change.order = static_cast<Order>(content.data[at + entry - 1]);
        changes.push_back(change);
    }
    return true;
}

} // namespace j2kl
