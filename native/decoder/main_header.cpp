#include "decoder/main_header.hpp"

#include "base/failure.hpp"
#include "codestream/markers.hpp"

#include <string>

namespace j2kl::picture {

namespace {

constexpr std::uint32_t qcd = 0xff5c, qcc = 0xff5d, com = 0xff64;
constexpr std::size_t siz_fixed = 36, ssiz = 40; // bytes of SIZ after Lsiz up to Csiz; offset of Ssiz from the marker
constexpr std::size_t siz_at = 2;                // SIZ follows SOC
constexpr std::uint32_t most_components = 16384, most_levels = 32, most_precision = 38;

void need(bool condition, const char *segment)
{
    if (!condition) {
        throw Failure(J2KL_ERROR_OPENJPEG,
                      "the " + std::string(segment) + " marker segment of the codestream is damaged");
    }
}

} // namespace

MainHeader::MainHeader(const std::vector<std::uint8_t> &head)
{
    const Bytes bytes = {head.data(), head.size()};
    std::size_t sizes = 0, styles = 0, defaults = 0;
    std::vector<std::pair<std::size_t, std::size_t>> of_components;
    for (std::size_t at = siz_at; at + 4 <= bytes.size;) {
        const std::uint32_t name = bytes.u16(at);
        if (name >= 0xff30 && name <= 0xff3f) {
            at += 2;
            continue;
        }
        const std::size_t length = bytes.u16(at + 2);
        need(length >= 2 && length <= bytes.size - at - 2, "last");
        const Bytes body = bytes.from(at + 4, length - 2);
        const std::size_t end = at + 2 + length;
        if (name == marker::siz) {
            need(++sizes == 1 && at == siz_at, "SIZ");
            parse_siz(body);
        } else if (name == marker::cod) {
            need(++styles == 1, "COD");
            parse_cod(body);
        } else if (name == qcd) {
            need(++defaults == 1 && body.size >= 1, "QCD");
            quantisation.emplace_back(at + 4, end);
        } else if (name == qcc) {
            const std::size_t index = components.size() < 257 ? 1 : 2;
            need(body.size > index, "QCC");
            of_components.emplace_back(at + 4 + index, end);
        } else if (name == com) {
            need(body.size >= 2, "COM");
            if (body.u16(0) == 0) {
                binary_comments.emplace_back(at + 6, end);
            }
        }
        at = end;
    }
    need(sizes == 1, "SIZ");
    need(styles == 1, "COD");
    need(defaults == 1, "QCD");
    quantisation.insert(quantisation.end(), of_components.begin(), of_components.end());
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
    need(!image.empty() && tiles.width > 0 && tiles.height > 0 && tiles.x0 <= image.x0 && tiles.y0 <= image.y0 &&
             std::uint64_t{tiles.x0} + tiles.width > image.x0 && std::uint64_t{tiles.y0} + tiles.height > image.y0,
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

void MainHeader::widen(std::vector<std::uint8_t> &head, std::uint32_t precision) const
{
    const auto check = [](bool condition) {
        if (!condition) {
            throw Failure(J2KL_ERROR_SEGMENT, "the quantisation of the codestream is not that of a learned picture");
        }
    };
    for (std::size_t i = 0; i < components.size(); ++i) {
        head[siz_at + ssiz + 3 * i] = static_cast<std::uint8_t>((precision - 1) | 0x80U);
    }
    for (const auto &[start, end] : quantisation) {
        const std::uint32_t style = head[start] & 0x1fU, guard = head[start] >> 5U;
        check(style == 2 && (end - start) % 2 == 1 && guard >= headroom);
        head[start] = static_cast<std::uint8_t>(style | (guard - headroom) << 5U);
        for (std::size_t at = start + 1; at < end; at += 2) {
            const std::uint32_t moved = (head[at] >> 3U) + headroom;
            check(moved <= 31);
            head[at] = static_cast<std::uint8_t>((head[at] & 7U) | moved << 3U);
        }
    }
}

} // namespace j2kl::picture
