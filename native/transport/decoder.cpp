#include "transport/decoder.hpp"

#include "base/failure.hpp"
#include "codestream/carrier.hpp"
#include "codestream/coding.hpp"
#include "codestream/half_steps.hpp"
#include "codestream/layer_count.hpp"
#include "transport/stream.hpp"
#include "wavelet/kernels.hpp"
#include "wavelet/wavelet.hpp"

#include <algorithm>
#include <cstring>
#include <string>
#include <utility>

namespace j2kl {

namespace {

Codec make_codec(bool is_jp2, const j2kl_request &request, std::uint32_t threads, bool strict, Reporter &reporter)
{
    Codec codec(opj_create_decompress(is_jp2 ? OPJ_CODEC_JP2 : OPJ_CODEC_J2K), reporter);
    opj_dparameters_t settings;
    opj_set_default_decoder_parameters(&settings);
    settings.cp_reduce = request.reduce;
    settings.cp_layer = request.layers;
    require_openjpeg(opj_setup_decoder(codec.get(), &settings) != OPJ_FALSE, reporter,
                     "OpenJPEG could not be set up to decode");
    opj_decoder_set_strict_mode(codec.get(), strict ? OPJ_TRUE : OPJ_FALSE);
    codec.set_threads(threads);
    return codec;
}

Image read_header_of(const Codec &codec, const InputStream &stream, const Reporter &reporter)
{
    opj_image_t *image = nullptr;
    const bool success = opj_read_header(stream.get(), codec.get(), &image) != OPJ_FALSE;
    Image owner(image);
    require_openjpeg(success && owner, reporter, "OpenJPEG could not read the header of the codestream");
    return owner;
}

SampleFormat format_of(const opj_image_comp_t &component)
{
    return {component.prec, component.sgnd != 0, 0};
}

void limit(bool fits, const std::string &text)
{
    if (!fits) {
        throw Failure(J2KL_ERROR_LIMIT, text);
    }
}

} // namespace

Decoder::Decoder(const std::uint8_t *data, std::size_t size, const j2kl_limits &limits, j2kl_report *report)
    : data_{data, size}, limits_(limits), reporter_(report), scan_(scan(data, size))
{
    check_tiles();
    possible_ = with_possible_layers(data, size, scan_);
    if (!possible_.empty()) {
        data_ = {possible_.data(), possible_.size()};
    }
    repair_ = repair(data_.data, data_.size, scan_);
    if (!repair_.bytes.empty()) {
        data_ = {repair_.bytes.data(), repair_.bytes.size()};
    }
    rest_ = data_;
    read_header();
}

// As soon as it reads SIZ, OpenJPEG allocates several kilobytes per tile, and about
// one more per tile and component.
void Decoder::check_tiles() const
{
    if (!scan_.has_size || limits_.max_tiles == 0) {
        return;
    }
    const std::uint64_t tiles = scan_.tiles.count();
    limit(tiles <= limits_.max_tiles, "the codestream has " + std::to_string(tiles) +
                                          " tiles, and the limit is " + std::to_string(limits_.max_tiles));
    limit(tiles * scan_.components <= std::max<std::uint64_t>(65536, std::uint64_t{4} * limits_.max_tiles),
          "the codestream has too many tiles of too many components");
}

TileGrid Decoder::tiles() const
{
    return {image_area_, header_.tile_x0, header_.tile_y0, header_.tile_width, header_.tile_height};
}

void Decoder::read_header()
{
    const InputStream stream(head_, rest_);
    const Codec codec = make_codec(scan_.is_jp2, {}, 1, true, reporter_);
    const Image image = read_header_of(codec, stream, reporter_);
    const CodestreamInfo info(opj_get_cstr_info(codec.get()));
    require_openjpeg(info && info->nbcomps > 0 && info->m_default_tile_info.tccp_info != nullptr, reporter_,
                     "OpenJPEG has no information on the codestream");

    const opj_tile_info_v2_t &coding = info->m_default_tile_info;
    header_.x0 = image->x0;
    header_.y0 = image->y0;
    header_.x1 = image->x1;
    header_.y1 = image->y1;
    header_.tile_x0 = info->tx0;
    header_.tile_y0 = info->ty0;
    header_.tile_width = info->tdx;
    header_.tile_height = info->tdy;
    header_.tiles_across = info->tw;
    header_.tiles_down = info->th;
    header_.components = image->numcomps;
    header_.levels = std::max(coding.tccp_info[0].numresolutions, 1U) - 1;
    header_.layers = coding.numlayers;
    header_.reversible = coding.tccp_info[0].qmfbid == 1 ? 1 : 0;
    header_.component_transform = coding.mct == 1 ? 1 : 0;
    image_area_ = {image->x0, image->y0, image->x1, image->y1};
    by_tiles_ = scan_.high_throughput;
    for (std::uint32_t i = 0; i < image->numcomps; ++i) {
        const opj_image_comp_t &component = image->comps[i];
        const std::uint32_t resolutions = i < info->nbcomps ? coding.tccp_info[i].numresolutions : 1;
        by_tiles_ = by_tiles_ || (i < info->nbcomps && (coding.tccp_info[i].cblksty & style_ht) != 0);
        sources_.push_back({component.dx, component.dy, std::max(resolutions, 1U) - 1});
    }
}

Rect Decoder::requested_area(const j2kl_request &request) const
{
    if (request.x0 == 0 && request.y0 == 0 && request.x1 == 0 && request.y1 == 0) {
        return image_area_;
    }
    const Rect area = image_area_.intersection({request.x0, request.y0, request.x1, request.y1});
    require(request.x0 < request.x1 && request.y0 < request.y1 && !area.empty(),
            "the area asked for lies outside the image or is empty");
    require(area.x1 <= INT32_MAX && area.y1 <= INT32_MAX,
            "an area has to end before 2147483648 in both directions (a limit of OpenJPEG)");
    return area;
}

void Decoder::check_request(const j2kl_request &request) const
{
    require(request.component_count <= header_.components, "more components are asked for than there are");
    require(request.component_count == 0 || request.component_list != nullptr,
            "the list of components is missing");
    std::vector<bool> seen(header_.components);
    for (std::uint32_t i = 0; i < request.component_count; ++i) {
        const std::uint32_t component = request.component_list[i];
        require(component < header_.components, "there is no such component");
        require(!seen[component], "a component is asked for twice");
        seen[component] = true;
    }
    for (std::uint32_t i = 0; i < header_.components; ++i) {
        if (request.reduce > sources_[i].levels) {
            throw Failure(J2KL_ERROR_ARGUMENT,
                          "reduce is " + std::to_string(request.reduce) + ", and the codestream has only " +
                              std::to_string(sources_[i].levels) + " decomposition levels");
        }
    }
}

// OpenJPEG's inverse 5/3 halves a single high-pass sample (T.800 F.3.6), so odd integers would be lost. No writer of
// lossy learned files makes such tiles.
void Decoder::check_lone_samples(std::uint32_t reduce) const
{
    const TileGrid grid = tiles();
    const auto lone = [](std::uint32_t first, std::uint32_t last) { return last == first + 1 && first % 2 != 0; };
    for (std::uint64_t index = 0; index < grid.count(); ++index) {
        // the tiles of the first row and of the first column have all the widths and heights that there are
        if (index >= grid.across() && index % grid.across() != 0) {
            continue;
        }
        for (const Source &source : sources_) {
            const Rect tile = grid.tile(index).component(source.dx, source.dy);
            for (std::uint32_t level = reduce; level < source.levels; ++level) {
                const Rect area = tile.resolution(level);
                if (lone(area.x0, area.x1) || lone(area.y0, area.y1)) {
                    throw Failure(J2KL_ERROR_OPENJPEG,
                                  "a tile has a single row or column of high-pass samples, whose half quantiser steps "
                                  "cannot be decoded");
                }
            }
        }
    }
}

// The codestream without the boxes of a JP2 file before it.
Bytes Decoder::codestream() const
{
    return data_.from(scan(data_.data, data_.size).begin, data_.size);
}

// Replaces the main header that OpenJPEG reads.
void Decoder::replace_header(NewHeader header)
{
    const Bytes all = codestream();
    new_header_ = std::move(header);
    head_ = {new_header_.bytes.data(), new_header_.bytes.size()};
    rest_ = all.from(new_header_.end, all.size);
}

void Decoder::expect_carrier()
{
    replace_header(carrier_header(codestream()));
}

// The area of all tiles that an area touches.
Rect Decoder::whole_tiles(const Rect &area) const
{
    const auto down = [](std::uint32_t value, std::uint32_t origin, std::uint32_t step) {
        return value - (value - origin) % step;
    };
    const auto up = [](std::uint32_t value, std::uint32_t origin, std::uint32_t step) {
        const std::uint64_t end = origin + std::uint64_t{ceil_div(value - origin, step)} * step;
        return static_cast<std::uint32_t>(std::min<std::uint64_t>(end, UINT32_MAX));
    };
    const Rect tiles = {down(area.x0, header_.tile_x0, header_.tile_width),
                        down(area.y0, header_.tile_y0, header_.tile_height),
                        up(area.x1, header_.tile_x0, header_.tile_width),
                        up(area.y1, header_.tile_y0, header_.tile_height)};
    return tiles.intersection(image_area_);
}

void Decoder::check_size(const j2kl_request &request, const Rect &area) const
{
    if (limits_.max_samples == 0) {
        return;
    }
    const bool some = request.component_count > 0;
    const std::uint32_t count = some ? request.component_count : header_.components;
    std::uint64_t samples = 0, largest = 0;
    for (std::uint32_t i = 0; i < count; ++i) {
        const Source &source = sources_[some ? request.component_list[i] : i];
        const std::uint64_t size = area.component(source.dx, source.dy).resolution(request.reduce).size();
        samples += size; // cannot overflow: the check below stops the sum at the limit
        largest = std::max(largest, size);
        limit(samples <= limits_.max_samples && largest <= limits_.max_samples,
              "the picture has more than the " + std::to_string(limits_.max_samples) +
                  " samples of the limit");
    }
    if (!some && scan_.channels > header_.components) {
        limit(largest <= limits_.max_samples / scan_.channels, "the palette makes more than the " +
                                                                   std::to_string(limits_.max_samples) +
                                                                   " samples of the limit");
    }
}

void Decoder::decode(const j2kl_request &request)
{
    if (attempted_) {
        throw Failure(J2KL_ERROR_STATE, "the decoder has decoded before");
    }
    check_request(request);
    area_ = requested_area(request);
    Rect decoded = by_tiles_ ? whole_tiles(area_) : area_;
    check_size(request, decoded);
    if (request.half_steps != 0) {
        check_lone_samples(request.reduce);
        replace_header(half_step_header(codestream(), tiles().count()));
    }
    attempted_ = true;
    request_ = request;
    request_.component_list = nullptr; // the caller's memory, valid only during this call

    reporter_.missing(repair_.missing);
    reporter_.warning(repair_.warning);
    try {
        image_ = run(request, decoded, true);
    } catch (const Failure &failure) {
        if (request.strict != 0) {
            throw;
        }
        image_ = decode_anyway(request, decoded, failure);
        decoded = image_area_;
    }
    check_decoded(decoded);
    crop(decoded);
    if (request.half_steps != 0) {
        check_half_steps();
        return; // there was no component transform
    }
    transform_in_force_ = header_.component_transform != 0 && request.component_count == 0 &&
                          image_->numcomps == header_.components && image_->numcomps >= 3;
    for (std::uint32_t i = 1; transform_in_force_ && i < 3; ++i) {
        const opj_image_comp_t &first = image_->comps[0], &other = image_->comps[i];
        // OpenJPEG does not transform components of different sizes.
        transform_in_force_ =
            first.dx == other.dx && first.dy == other.dy && first.w == other.w && first.h == other.h;
    }
}

// Decodes the whole image, as far as possible, after OpenJPEG has failed to decode an area of it.
Image Decoder::decode_anyway(const j2kl_request &request, const Rect &failed, const Failure &failure)
{
    try {
        check_size(request, image_area_);
    } catch (const Failure &) {
        throw failure; // it says more about the file than the limit
    }
    reporter_.error(failure.what());
    const std::string reason = reporter_.take_errors();
    // OpenJPEG's threads stop after a failure, some earlier than others: with more than one, chance would decide what is
    // decoded.
    j2kl_request single = request;
    single.threads = 1;
    if (!(failed == image_area_)) {
        try {
            return run(single, image_area_, true); // without an area, OpenJPEG does not read what follows the tiles
        } catch (const Failure &) {
            reporter_.take_errors();
        }
    }
    // Not strict, OpenJPEG (at least 2.5.0) reads outside its memory if it has to skip packets.
    if (request.reduce > 0 || request.layers > 0 || request.component_count > 0) {
        throw Failure(failure.code(), reason);
    }
    reporter_.warning(reason);
    return run(single, image_area_, false);
}

Image Decoder::run(const j2kl_request &request, const Rect &area, bool strict)
{
    const InputStream stream(head_, rest_);
    const std::uint32_t threads = useful_threads(request.threads, tiles(), request.reduce);
    const Codec codec = make_codec(scan_.is_jp2 && head_.size == 0, request, threads, strict, reporter_);
    Image image = read_header_of(codec, stream, reporter_);
    const auto need = [&](bool success) {
        require_openjpeg(success, reporter_, "OpenJPEG could not decode the codestream");
    };
    if (request.component_count > 0) {
        need(opj_set_decoded_components(codec.get(), request.component_count, request.component_list,
                                        OPJ_FALSE) != OPJ_FALSE);
    }
    // Four zeros mean the whole image. The call is needed even then: only it sets
    // the size of reduced components.
    const bool whole = area == image_area_;
    const auto bound = [&](std::uint32_t value) { return whole ? 0 : static_cast<OPJ_INT32>(value); };
    need(opj_set_decode_area(codec.get(), image.get(), bound(area.x0), bound(area.y0), bound(area.x1),
                             bound(area.y1)) != OPJ_FALSE);
    need(opj_decode(codec.get(), stream.get(), image.get()) != OPJ_FALSE);
    // opj_end_decompress() only reads what follows the last tile. A truncated codestream has nothing there,
    // so an error is reported as a warning.
    {
        j2kl_report aside{};
        Reporter quiet(&aside);
        opj_set_error_handler(codec.get(), Reporter::on_error, &quiet);
        if (opj_end_decompress(codec.get(), stream.get()) == OPJ_FALSE) {
            reporter_.warning(quiet.has_error() ? aside.error : "the end of the codestream is missing");
        }
        opj_set_error_handler(codec.get(), Reporter::on_error, &reporter_);
    }

    return image;
}

// Checks what OpenJPEG has decoded, as it may differ from what was requested.
void Decoder::check_decoded(const Rect &on_grid) const
{
    const auto fail = [](const char *text) { throw Failure(J2KL_ERROR_OPENJPEG, text); };
    if (image_->numcomps == 0) {
        fail("OpenJPEG has decoded no component");
    }
    for (std::uint32_t i = 0; i < image_->numcomps; ++i) {
        const opj_image_comp_t &component = image_->comps[i];
        if (component.dx == 0 || component.dy == 0 || component.prec < 1 || component.prec > 31) {
            fail("OpenJPEG has decoded a component of an unusual format");
        }
        const Rect area = area_of(component, on_grid);
        if (component.w != area.width() || component.h != area.height()) {
            fail("OpenJPEG has decoded a component to an unexpected size");
        }
        if (component.data == nullptr && !area.empty()) {
            fail("the codestream holds no data for a component");
        }
    }
}

// OpenJPEG clips samples to the declared precision. Then the analysis would not return what tier-1 decoded.
void Decoder::check_half_steps() const
{
    constexpr std::int32_t limit = std::int32_t{1} << (half_step_precision - 1);
    for (std::uint32_t i = 0; i < image_->numcomps; ++i) {
        const opj_image_comp_t &component = image_->comps[i];
        const auto count = static_cast<std::size_t>(area_of(component, area_).size());
        if (!all_within(component.data, count, -limit + 1, limit - 2, request_.threads)) {
            throw Failure(J2KL_ERROR_OPENJPEG, "the coefficients are larger than a decoder can process");
        }
    }
}

// Keeps the requested area of the decoded one.
void Decoder::crop(const Rect &decoded)
{
    for (std::uint32_t i = 0; i < image_->numcomps && !(decoded == area_); ++i) {
        opj_image_comp_t &component = image_->comps[i];
        const Rect from = area_of(component, decoded), to = area_of(component, area_);
        for (std::uint32_t row = 0; row < to.height() && to.width() > 0; ++row) {
            const std::size_t start = std::size_t{row + to.y0 - from.y0} * from.width() + (to.x0 - from.x0);
            std::memmove(component.data + std::size_t{row} * to.width(), component.data + start,
                         to.width() * sizeof *component.data);
        }
        component.w = to.width();
        component.h = to.height();
    }
}

std::uint32_t Decoder::component_count() const
{
    if (!image_) {
        throw Failure(J2KL_ERROR_STATE, "nothing has been decoded yet");
    }
    return image_->numcomps;
}

const opj_image_comp_t &Decoder::decoded(std::uint32_t index) const
{
    require(index < component_count(), "there is no such component");
    return image_->comps[index];
}

Rect Decoder::area_of(const opj_image_comp_t &component, const Rect &on_grid) const
{
    return on_grid.component(component.dx, component.dy).resolution(request_.reduce);
}

j2kl_component Decoder::component(std::uint32_t index) const
{
    const opj_image_comp_t &source = decoded(index);
    const Rect area = area_of(source, area_);
    j2kl_component result{};
    result.x0 = area.x0;
    result.y0 = area.y0;
    result.width = area.width();
    result.height = area.height();
    result.dx = source.dx;
    result.dy = source.dy;
    result.precision = source.prec;
    result.is_signed = source.sgnd != 0 ? 1 : 0;
    result.is_alpha = source.alpha != 0 ? 1 : 0;
    return result;
}

void Decoder::get_samples(std::uint32_t index, std::int32_t *samples) const
{
    const opj_image_comp_t &source = decoded(index);
    require(samples != nullptr, "there is no place for the samples");
    if (request_.half_steps != 0) {
        throw Failure(J2KL_ERROR_STATE, "half quantiser steps were decoded, not samples");
    }
    if (transformed_ && index < 3) {
        throw Failure(J2KL_ERROR_STATE,
                      "samples cannot be taken after subbands where there is a component transform");
    }
    std::copy_n(source.data, static_cast<std::size_t>(area_of(source, area_).size()), samples);
}

// Applies the forward component transform again, in place, as the encoder did.
void Decoder::undo_component_transform()
{
    std::int32_t *planes[3];
    const auto count = static_cast<std::size_t>(area_of(image_->comps[0], area_).size());
    const std::size_t threads = request_.threads;
    for (std::uint32_t i = 0; i < 3; ++i) {
        planes[i] = image_->comps[i].data;
        shift_from_samples(planes[i], count, format_of(image_->comps[i]), threads);
    }
    forward_rct(planes[0], planes[1], planes[2], count, threads);
    transformed_ = true;
}

void Decoder::analyse_component(const opj_image_comp_t &component, bool transformed, std::uint32_t levels,
                                std::int32_t *subbands)
{
    const Rect area = area_of(component, area_);
    const SubbandLayout layout(area, levels);
    const std::int32_t offset = transformed ? 0 : format_of(component).offset();
    const TileGrid grid = tiles();
    std::vector<std::int32_t> shifted;
    for (std::uint64_t index = 0; index < grid.count(); ++index) {
        const Rect on_grid = grid.tile(index).intersection(area_);
        const Rect tile = area_of(component, on_grid);
        if (on_grid.empty() || tile.empty()) {
            continue;
        }
        const std::size_t stride = area.width(), width = tile.width();
        const std::int32_t *samples = component.data + (tile.y0 - area.y0) * stride + (tile.x0 - area.x0);
        if (offset == 0) {
            analyse_tile(Plane<const std::int32_t>{samples, stride}, tile, subbands, layout, request_.threads);
            continue;
        }
        // Shift a copy: get_samples() still needs the samples.
        shifted.resize(static_cast<std::size_t>(tile.size()));
        for (std::size_t row = 0; row < tile.height(); ++row) {
            kernels::shift(shifted.data() + row * width, samples + row * stride, -offset, width);
        }
        analyse_tile(Plane<const std::int32_t>{shifted.data(), width}, tile, subbands, layout, request_.threads);
    }
}

void Decoder::get_subbands(std::uint32_t index, std::uint32_t levels, std::int32_t *subbands)
{
    const opj_image_comp_t &component = decoded(index);
    require(subbands != nullptr, "there is no place for the subbands");
    require(levels <= 32, "there may be at most 32 decomposition levels");
    if (header_.reversible == 0 && request_.half_steps == 0) {
        throw Failure(J2KL_ERROR_STATE, "subbands of the 9/7 have to be decoded to half quantiser steps");
    }
    if (transform_in_force_ && !transformed_) {
        undo_component_transform();
    }
    analyse_component(component, transformed_ && index < 3, levels, subbands);
}

} // namespace j2kl
