#include "decoder/picture.hpp"

#include "base/failure.hpp"
#include "decoder/carrier_reader.hpp"
#include "decoder/learned_reader.hpp"
#include "decoder/reversible_reader.hpp"

#include <algorithm>
#include <cstring>
#include <string>

namespace j2kl::picture {

namespace {

// Positions beyond this do not fit the coordinates of lifting steps, with margins around them.
constexpr std::uint32_t farthest = 1U << 30U;

void need(bool condition, const char *text)
{
    if (!condition) {
        throw Failure(J2KL_ERROR_SEGMENT, text);
    }
}

// Copies UTF-8 text, truncated between characters, with a zero at the end.
template <std::size_t Size> void copy_text(const std::string &text, char (&target)[Size])
{
    std::size_t length = std::min(text.size(), Size - 1);
    while (length < text.size() && length > 0 &&
           (static_cast<unsigned char>(text[length]) & 0xc0U) == 0x80U) {
        --length;
    }
    std::memcpy(target, text.data(), length);
    target[length] = '\0';
}

} // namespace

Picture::Picture(const Source &source, const Models *models, j2kl_report *report)
    : source_(source),
      place_(find_codestream(source_)),
      report_(report),
      reporter_(report),
      head_(read_main_header(source_, place_)),
      header_(std::make_unique<const MainHeader>(Bytes{head_.data(), head_.size()}))
{
    const Comments found = read_comments(header_->binary_comments);
    segment_ = found.segment;
    if (!segment_) {
        return;
    }
    check_segment();
    std::optional<ModelFile> embedded;
    if (!found.model.empty()) {
        embedded.emplace(found.model);
    }
    const Models none;
    model_ = (models != nullptr ? *models : none).find(segment_->model, embedded ? &*embedded : nullptr);
    if (model_) {
        check_model();
    }
    if (!segment_->reversible) {
        reconstruction_ = std::make_unique<const Reconstruction>(*segment_, read_lattices(*header_));
    }
}

// Checks that the segment and the main header describe the same picture.
void Picture::check_segment() const
{
    const auto &first = header_->components[0];
    for (const MainHeader::Component &component : header_->components) {
        need(component.precision == segment_->precision && component.is_signed == first.is_signed &&
                 component.dx == 1 && component.dy == 1,
             "the learned-transform segment contradicts the main header");
    }
    need(header_->levels == segment_->levels && header_->same_levels,
         "the learned-transform segment contradicts the main header");
    need(segment_->noise.empty() || segment_->noise_tiles == header_->tiles.count(),
         "the learned-transform segment contradicts the number of tiles");
    need(segment_->components == header_->components.size(),
         "the learned-transform segment contradicts the number of components");
    const bool transformed = segment_->reversible ? segment_->rct() : segment_->colour == Segment::Colour::ict;
    need(header_->component_transform ? transformed : segment_->colour == Segment::Colour::none,
         "the learned-transform segment contradicts the component transform");
    need(segment_->colour == Segment::Colour::none || segment_->components >= 3,
         "the learned-transform segment contradicts the number of components");
    need(segment_->reversible == header_->reversible,
         "the learned-transform segment contradicts the wavelet of the codestream");
    if (std::max(header_->area().x1, header_->area().y1) > farthest) {
        throw Failure(J2KL_ERROR_LIMIT, "the picture lies beyond position 2^30 of the reference grid");
    }
}

// Checks that the model is one for the transport of the segment.
void Picture::check_model() const
{
    const bool reversible = model_->transform && model_->transform->reversible();
    if (reversible != segment_->reversible) {
        throw Failure(J2KL_ERROR_SEGMENT, "the model " + model_->name +
                                              " does not fit the transport of the learned-transform segment");
    }
}

j2kl_picture_info Picture::info() const
{
    j2kl_picture_info info{};
    const TileGrid &tiles = header_->tiles;
    info.learned = segment_ ? 1 : 0;
    info.is_jp2 = place_.begin > 0 ? 1 : 0;
    info.x0 = tiles.image.x0;
    info.y0 = tiles.image.y0;
    info.x1 = tiles.image.x1;
    info.y1 = tiles.image.y1;
    info.tile_x0 = tiles.x0;
    info.tile_y0 = tiles.y0;
    info.tile_width = tiles.width;
    info.tile_height = tiles.height;
    info.components = static_cast<std::uint32_t>(header_->components.size());
    info.precision = header_->components[0].precision;
    info.is_signed = header_->components[0].is_signed ? 1 : 0;
    info.levels = header_->levels;
    info.layers = header_->layers;
    if (!segment_) {
        return info;
    }
    info.segment_version = segment_->version;
    std::memcpy(info.model_id, segment_->model.data(), sizeof info.model_id);
    if (model_) {
        info.model = !model_->transform ? J2KL_MODEL_FLOAT
                     : model_->is_twin  ? J2KL_MODEL_TWIN
                                        : J2KL_MODEL_INTEGER;
        const bool used = model_->dequantises && !segment_->noise.empty();
        info.dequantiser = !used             ? J2KL_DEQUANTISER_NONE
                           : model_->network ? J2KL_DEQUANTISER_INTEGER
                                             : J2KL_DEQUANTISER_FLOAT;
        copy_text(model_->name, info.model_name);
    }
    return info;
}

Rect Picture::grid_area(const j2kl_picture_request &request) const
{
    if (request.x0 == 0 && request.y0 == 0 && request.x1 == 0 && request.y1 == 0) {
        return header_->area();
    }
    require(request.x0 < request.x1 && request.y0 < request.y1, "the region is empty");
    const Rect area = Rect{request.x0, request.y0, request.x1, request.y1}.intersection(header_->area());
    require(!area.empty(), "the region lies outside the picture");
    return area;
}

Rect Picture::area(const j2kl_picture_request &request) const
{
    require(request.reduce <= header_->levels, "there are not that many resolutions to discard");
    const Rect area = grid_area(request).resolution(request.reduce);
    require(!area.empty(), "nothing of the picture lies in the region at this resolution");
    return area;
}

void Picture::check_decodable(const j2kl_picture_request &request) const
{
    if (!segment_) {
        throw Failure(J2KL_ERROR_UNSUPPORTED, "this is an ordinary file, without a learned transform");
    }
    if (!model_) {
        throw Failure(J2KL_ERROR_MODEL_NOT_FOUND, "this file needs the model with id " +
                                                      hexadecimal(segment_->model) +
                                                      ", which is not installed");
    }
    if (!model_->transform) {
        throw Failure(J2KL_ERROR_UNSUPPORTED,
                      "the model " + model_->name + " has no integer model as its twin: it needs PyTorch");
    }
    require(request.component_count == 0 || request.component_list != nullptr,
            "the list of components is missing");
    std::vector<bool> seen(header_->components.size());
    require(request.component_count <= seen.size(), "there are not that many components");
    for (std::uint32_t i = 0; i < request.component_count; ++i) {
        const std::uint32_t index = request.component_list[i];
        require(index < seen.size() && !seen[index], "the components must be distinct ones of the picture");
        seen[index] = true;
    }
}

// The whole codestream. OpenJPEG skips what a request does not need.
Bytes Picture::load()
{
    const std::uint64_t size = place_.end - place_.begin;
    if (source_.data() != nullptr) {
        return {source_.data() + place_.begin, static_cast<std::size_t>(size)};
    }
    if (codestream_.empty()) {
        if (size > SIZE_MAX / 2) {
            throw Failure(J2KL_ERROR_LIMIT, "the file is too large for the memory");
        }
        std::vector<std::uint8_t> read(static_cast<std::size_t>(size));
        read.resize(source_.read(place_.begin, read.data(), read.size()));
        // The file may have changed since its main header was checked.
        if (read.size() < head_.size() || std::memcmp(read.data(), head_.data(), head_.size()) != 0) {
            throw Failure(J2KL_ERROR_OPENJPEG, "the file has changed while it was read");
        }
        codestream_ = std::move(read);
    }
    return {codestream_.data(), codestream_.size()};
}

// The reader of code-blocks; null if the codestream has to be decoded as a whole.
BlockReader *Picture::blocks(const Bytes &codestream)
{
    if (!blocks_ && !without_blocks_) {
        try {
            blocks_ = std::make_unique<BlockReader>(codestream, nullptr);
        } catch (const Failure &) {
            without_blocks_ = true;
        }
    }
    return blocks_.get();
}

// Checks a request, and clears the report.
void Picture::begin(const j2kl_picture_request &request) const
{
    check_decodable(request);
    const Rect wanted = area(request);
    if (request.max_pixels > 0 && wanted.size() > request.max_pixels) {
        throw Failure(J2KL_ERROR_LIMIT, "the picture has " + std::to_string(wanted.height()) + " x " +
                                            std::to_string(wanted.width()) + " pixels, over the limit of " +
                                            std::to_string(request.max_pixels));
    }
    if (report_ != nullptr) {
        *report_ = j2kl_report{};
    }
}

void Picture::decode(const j2kl_picture_request &request, std::int32_t *const *planes)
{
    begin(request);
    const Rect on_grid = grid_area(request);
    const Bytes codestream = load();
    if (segment_->reversible) {
        const LosslessFile file = {codestream, *header_, *segment_, *model_->transform};
        ReversibleReader(file, request, reporter_).decode(on_grid, planes);
        return;
    }
    const bool whole = on_grid == header_->area();
    const LearnedFile file = {codestream, *header_, *segment_,
                              *model_,    *reconstruction_, whole ? nullptr : blocks(codestream)};
    LearnedReader reader(file, request, reporter_);
    reader.decode(on_grid, planes);
}

void Picture::decode_tiles(const Bytes &codestream, const j2kl_picture_request &request, std::int32_t *const *planes)
{
    begin(request);
    if (segment_->reversible || request.reduce == segment_->levels) {
        throw Failure(J2KL_ERROR_UNSUPPORTED, "this area cannot be decoded from some tiles of the file");
    }
    BlockReader blocks(codestream, report_);
    const LearnedFile file = {codestream, *header_, *segment_, *model_, *reconstruction_, &blocks, true};
    LearnedReader(file, request, reporter_).decode(grid_area(request), planes);
}

void Picture::decode_coarse(std::uint32_t layers, std::uint32_t threads,
                            const std::function<void(std::uint32_t component, const Coefficients &coefficients)> &take)
{
    if (!segment_ || segment_->reversible || segment_->levels == 0) {
        throw Failure(J2KL_ERROR_UNSUPPORTED, "this is no lossy learned file that has decomposition levels");
    }
    const CarrierRequest carrier = {load(), *header_, segment_->components, layers, threads, true};
    const std::uint32_t levels = segment_->levels - 1;
    decode_carrier(carrier, 1, header_->area(), levels, reporter_,
                   [&](std::uint32_t component, std::vector<std::int32_t> half_steps) {
                       const Rect area = header_->area().resolution(1);
                       take(component, reconstruction_->apply(component, half_steps, area, levels, 1, threads));
                   });
}

} // namespace j2kl::picture
