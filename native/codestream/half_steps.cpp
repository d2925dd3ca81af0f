#include "codestream/half_steps.hpp"

#include "base/failure.hpp"
#include "codestream/markers.hpp"
#include "codestream/tile_parts.hpp"

#include <algorithm>
#include <optional>
#include <vector>

namespace j2kl {

namespace {

constexpr std::uint8_t signed_samples = 0x80;       // Ssiz, Table A.11
constexpr std::uint8_t transform_97 = 0, transform_53 = 1; // Table A.20
constexpr std::uint32_t no_quantisation = 0, expounded = 2; // Table A.28
constexpr std::uint32_t most_guard_bits = 7, largest_exponent = 31;
constexpr std::size_t siz_fixed = 36; // bytes of SIZ from Rsiz to Csiz

[[noreturn]] void refuse(const char *text)
{
    throw Failure(J2KL_ERROR_OPENJPEG, text);
}

void expect(bool condition)
{
    if (!condition) {
        refuse("the main header of the codestream is damaged");
    }
}

class HeaderRewriter {
public:
    explicit HeaderRewriter(const Bytes &codestream) : in_(codestream) {}

    NewHeader run()
    {
        read_coding();
        NewHeader result;
        append(in_.from(0, 2)); // SOC
        const std::optional<std::size_t> end = for_segments(
            in_, 2, marker::sot, [&](std::uint32_t name, std::size_t at, const Bytes &content) {
                write(name, in_.from(at, content.size + 4), content);
                return true;
            });
        expect(end.has_value());
        result.bytes = std::move(out_);
        result.end = *end;
        return result;
    }

private:
    // The number of levels of every component, which COD and COC give in any order.
    void read_coding()
    {
        std::optional<std::uint8_t> levels;
        std::vector<std::optional<std::uint8_t>> own;
        for_segments(in_, 2, marker::sot, [&](std::uint32_t name, std::size_t, const Bytes &content) {
            if (name == marker::siz) {
                expect(own.empty() && content.size >= siz_fixed && content.size == siz_fixed + 3 * content.u16(siz_fixed - 2));
                own.assign(content.u16(siz_fixed - 2), {});
            } else if (name == marker::cod) {
                expect(content.size >= 10);
                levels = content.data[5];
            } else if (name == marker::coc) {
                const std::size_t wide = own.size() > 256 ? 2 : 1;
                expect(content.size >= wide + 6 && index(content, wide) < own.size());
                own[index(content, wide)] = content.data[wide + 1];
            }
            return true;
        });
        expect(levels.has_value() && !own.empty());
        levels_ = *levels;
        component_levels_.resize(own.size());
        std::transform(own.begin(), own.end(), component_levels_.begin(),
                       [&](const std::optional<std::uint8_t> &value) { return value.value_or(levels_); });
    }

    static std::uint32_t index(const Bytes &content, std::size_t wide)
    {
        return wide == 2 ? content.u16(0) : content.data[0];
    }

    void write(std::uint32_t name, const Bytes &segment, const Bytes &content)
    {
        const std::size_t wide = component_levels_.size() > 256 ? 2 : 1;
        const std::size_t start = out_.size();
        switch (name) {
        case marker::qcd:
            write_quantisation(segment, content, 0, levels_);
            return;
        case marker::qcc:
            expect(content.size > wide && index(content, wide) < component_levels_.size());
            write_quantisation(segment, content, wide, component_levels_[index(content, wide)]);
            return;
        case marker::rgn:
            refuse("a codestream with regions of interest cannot be decoded to half quantiser steps");
        default:
            append(segment);
        }
        std::uint8_t *copy = out_.data() + start + 4;
        if (name == marker::siz) {
            for (std::size_t i = 0; i < component_levels_.size(); ++i) {
                copy[siz_fixed + 3 * i] = signed_samples | (half_step_precision - 1);
            }
        } else if (name == marker::cod) {
            copy[4] = 0; // no component transform
            write_transform(copy[9]);
        } else if (name == marker::coc) {
            write_transform(copy[wide + 5]);
        }
    }

    static void write_transform(std::uint8_t &transform)
    {
        if (transform != transform_97) {
            refuse("only a codestream of the 9/7 can be decoded to half quantiser steps");
        }
        transform = transform_53;
    }

    // Writes QCD or QCC without quantisation and with one bit-plane more (equation E-2). `wide` is the number of bytes
    // before Sqcd or Sqcc.
    void write_quantisation(const Bytes &segment, const Bytes &content, std::size_t wide, std::uint32_t levels)
    {
        const std::size_t bands = 3 * std::size_t{levels} + 1;
        expect(content.size > wide);
        const std::uint32_t style = content.data[wide] & 31U, guard_bits = content.data[wide] >> 5;
        if (style != expounded || content.size != wide + 1 + 2 * bands) {
            refuse("the codestream does not have a quantiser step for every subband");
        }
        const bool more_guard_bits = guard_bits < most_guard_bits;
        append(segment.from(0, 2));
        const std::size_t length = 2 + wide + 1 + bands;
        out_.push_back(static_cast<std::uint8_t>(length >> 8));
        out_.push_back(static_cast<std::uint8_t>(length));
        append(content.from(0, wide));
        out_.push_back(static_cast<std::uint8_t>(no_quantisation | (guard_bits + (more_guard_bits ? 1 : 0)) << 5));
        for (std::size_t band = 0; band < bands; ++band) {
            const std::uint32_t exponent =
                (content.u16(wide + 1 + 2 * band) >> 11) + (more_guard_bits ? 0 : 1);
            if (exponent > largest_exponent) {
                refuse("the codestream has more bit-planes than can be decoded");
            }
            out_.push_back(static_cast<std::uint8_t>(exponent << 3));
        }
    }

    void append(const Bytes &bytes) { out_.insert(out_.end(), bytes.data, bytes.data + bytes.size); }

    Bytes in_;
    std::uint32_t levels_ = 0;
    std::vector<std::uint32_t> component_levels_;
    std::vector<std::uint8_t> out_;
};

void check_tile_parts(const Bytes &codestream, std::uint64_t tiles)
{
    constexpr std::size_t sot_segment = 12;
    const std::optional<TileParts> parts = find_tile_parts(codestream, tiles);
    if (!parts) {
        return; // damaged: left to OpenJPEG
    }
    for (const TilePart &part : parts->all) {
        for_segments(codestream.from(0, part.end), part.begin + sot_segment, marker::sod,
                     [](std::uint32_t name, std::size_t, const Bytes &) {
                         if (name == marker::cod || name == marker::coc || name == marker::qcd ||
                             name == marker::qcc || name == marker::rgn) {
                             refuse("a codestream whose tiles differ in coding or quantisation cannot be decoded "
                                    "to half quantiser steps");
                         }
                         return true;
                     });
    }
}

} // namespace

NewHeader half_step_header(const Bytes &codestream, std::uint64_t tiles)
{
    check_tile_parts(codestream, tiles);
    return HeaderRewriter(codestream).run();
}

} // namespace j2kl
