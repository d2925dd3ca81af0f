#include "decoder/main_header.hpp"

#include "base/failure.hpp"
#include "codestream/markers.hpp"

#include <string>

namespace j2kl::picture {

namespace {

constexpr std::size_t siz_fixed = 36; // bytes of SIZ from Rsiz to Csiz
constexpr std::size_t siz_at = 2;     // SIZ follows SOC
constexpr std::uint32_t most_components = 16384, most_levels = 32, most_precision = 38;

void need(bool condition, const char *segment)
{
    if (!condition) {
        throw Failure(J2KL_ERROR_OPENJPEG,
                      "the " + std::string(segment) + " marker segment of the codestream is damaged");
    }
}

} // namespace

MainHeader::MainHeader(const Bytes &head)
{
    std::size_t sizes = 0, styles = 0, defaults = 0;
    std::vector<Bytes> of_components, styles_of_components;
    Bytes quantisation_default;
    const auto visit = [&](std::uint32_t name, std::size_t at, const Bytes &body) {
        if (name == marker::siz) {
            need(++sizes == 1 && at == siz_at, "SIZ");
            parse_siz(body);
        } else if (name == marker::cod) {
            need(++styles == 1, "COD");
            parse_cod(body);
        } else if (name == marker::coc) {
            styles_of_components.push_back(body);
        } else if (name == marker::qcd) {
            need(++defaults == 1 && body.size >= 1, "QCD");
            quantisation_default = body;
        } else if (name == marker::qcc) {
            of_components.push_back(body);
        } else if (name == marker::com) {
            need(body.size >= 2, "COM");
            if (body.u16(0) == 0) {
                binary_comments.push_back(body.from(2, body.size));
            }
        }
        return true;
    };
    need(for_segments(head, siz_at, marker::sot, visit).has_value(), "last");
    need(sizes == 1, "SIZ");
    need(styles == 1, "COD");
    need(defaults == 1, "QCD");
    // The index of the component at the start of COC and QCC.
    const std::size_t wide = components.size() < 257 ? 1 : 2;
    const auto index_of = [&](const Bytes &body, std::size_t rest, const char *segment) {
        need(body.size >= wide + rest, segment);
        const std::size_t index = wide == 1 ? body.data[0] : body.u16(0);
        need(index < components.size(), segment);
        return index;
    };
    for (const Bytes &body : styles_of_components) {
        index_of(body, 6, "COC");
        same_levels = same_levels && body.data[wide + 1] == levels;
    }
    quantisation.assign(components.size(), quantisation_default);
    for (const Bytes &body : of_components) {
        quantisation[index_of(body, 1, "QCC")] = body.from(wide, body.size);
    }
}

void MainHeader::parse_siz(const Bytes &body)
{
    need(body.size >= siz_fixed, "SIZ");
    tiles.image = {body.u32(10), body.u32(14), body.u32(2), body.u32(6)};
    tiles.width = body.u32(18);
    tiles.height = body.u32(22);
    tiles.x0 = body.u32(26);
    tiles.y0 = body.u32(30);
    const std::uint32_t count = body.u16(34);
    const Rect &image = tiles.image;
    need(count >= 1 && count <= most_components && body.size == siz_fixed + 3 * count, "SIZ");
    need(!image.empty() && tiles.width > 0 && tiles.height > 0 && tiles.x0 <= image.x0 &&
             tiles.y0 <= image.y0 && std::uint64_t{tiles.x0} + tiles.width > image.x0 &&
             std::uint64_t{tiles.y0} + tiles.height > image.y0,
         "SIZ");
    for (std::size_t i = 0; i < count; ++i) {
        const std::uint8_t *fields = body.data + siz_fixed + 3 * i;
        components.push_back({(fields[0] & 0x7fU) + 1, (fields[0] & 0x80U) != 0, fields[1], fields[2]});
        need(components.back().precision <= most_precision && fields[1] > 0 && fields[2] > 0, "SIZ");
    }
}

void MainHeader::parse_cod(const Bytes &body)
{
    need(body.size >= 10, "COD");
    layers = body.u16(2);
    component_transform = body.data[4] != 0;
    levels = body.data[5];
    reversible = body.data[9] == 1;
    need(layers > 0 && body.data[4] <= 1 && levels <= most_levels && body.data[9] <= 1, "COD");
}

} // namespace j2kl::picture
