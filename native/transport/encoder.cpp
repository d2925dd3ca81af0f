#include "transport/encoder.hpp"

#include "base/failure.hpp"
#include "transport/parameters.hpp"
#include "transport/stream.hpp"
#include "wavelet/wavelet.hpp"

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>

namespace j2kl {

namespace {

// OpenJPEG's tier-1 shifts coefficients left by 6 bits within 32, without checking for overflow.
constexpr std::int32_t largest_coefficient = (1 << 25) - 1;
// Reversible samples of up to this precision have no larger coefficients at any number of levels.
constexpr std::uint32_t largest_reversible_precision = 22;

constexpr int csty_precincts = 1, csty_sop = 2, csty_eph = 4;

// Code-block styles (T.800 Table A.19) that add bytes to every coding pass, or to every bit-plane.
constexpr std::uint32_t terminate_all = 4, segmentation_symbols = 32;

// Whether code-blocks may have many bytes beyond those of their samples: in packet headers, after coding passes that are
// terminated, and in segmentation symbols.
bool has_costly_blocks(const j2kl_parameters &p)
{
    constexpr std::uint64_t of_block = 64, of_layer = 24, of_pass = 48, of_plane = 8; // bits, about
    const std::uint64_t planes = p.precision + 3;
    std::uint64_t bits = of_block + of_layer * p.layers;
    bits += (p.mode_switches & terminate_all) != 0 ? 3 * planes * of_pass : 0;
    bits += (p.mode_switches & segmentation_symbols) != 0 ? planes * of_plane : 0;
    return 2 * bits > std::uint64_t{p.codeblock_width} * p.codeblock_height; // half a bit for each sample
}

TileGrid tile_grid(const j2kl_parameters &p)
{
    const Rect area = {p.x0, p.y0, p.x1, p.y1};
    if (p.tile_width == 0) {
        // One tile, which may extend beyond the image. OpenJPEG needs at least 2^levels in both directions.
        // It writes a tile to a buffer of 1.4 times the bits of its samples. This is too small for samples of
        // a few bits, as their coefficients have up to three or four bits more, and for noise in small
        // code-blocks. Then the tile is made higher than the image, which enlarges the buffer.
        const std::uint32_t least = std::uint32_t{1} << p.levels, height = p.y1 - p.tile_y0;
        const bool large = p.precision <= 4 || has_costly_blocks(p);
        const std::uint64_t roomy = large ? std::uint64_t{height} * 4 + 64 : height;
        return {area, p.tile_x0, p.tile_y0, std::max(p.x1 - p.tile_x0, least),
                static_cast<std::uint32_t>(
                    std::min<std::uint64_t>(std::max<std::uint64_t>(roomy, least), INT32_MAX))};
    }
    return {area, p.tile_x0, p.tile_y0, p.tile_width, p.tile_height};
}

} // namespace

Encoder::Encoder(const j2kl_parameters &parameters, j2kl_report *report)
    : parameters_(parameters), reporter_(report)
{
    check(parameters);
    area_ = {parameters.x0, parameters.y0, parameters.x1, parameters.y1};
    tiles_ = tile_grid(parameters);
    format_ = {parameters.precision, parameters.is_signed != 0, parameters.fraction_bits};
    planes_.resize(parameters.components);
}

std::int32_t *Encoder::new_plane(std::uint32_t component, Kind kind)
{
    if (finished_) {
        throw Failure(J2KL_ERROR_STATE, "the encoder has finished");
    }
    if (kind_ != Kind::none && kind_ != kind) {
        throw Failure(J2KL_ERROR_STATE, "components have to be all subbands or all samples");
    }
    require(component < planes_.size(), "there is no such component");
    if (planes_[component]) {
        throw Failure(J2KL_ERROR_STATE, "the component has been put before");
    }
    planes_[component] = allocate_plane(area_.size());
    kind_ = kind;
    return planes_[component].get();
}

void Encoder::put_subbands(std::uint32_t component, const void *subbands)
{
    require(subbands != nullptr, "the subbands are missing");
    if (parameters_.reversible != 0 &&
        !all_within(static_cast<const std::int32_t *>(subbands), static_cast<std::size_t>(area_.size()),
                    -largest_coefficient, largest_coefficient, parameters_.threads)) {
        throw Failure(J2KL_ERROR_RANGE, "a reversible coefficient has a magnitude of 2^25 or more");
    }
    std::int32_t *plane = new_plane(component, Kind::subbands);
    const SubbandLayout layout(area_, parameters_.levels);
    const std::size_t stride = area_.width();
    for (std::uint64_t index = 0; index < tiles_.count(); ++index) {
        const Rect tile = tiles_.tile(index);
        const std::size_t place = (tile.y0 - area_.y0) * stride + (tile.x0 - area_.x0);
        if (parameters_.reversible != 0) {
            synthesise_tile(static_cast<const std::int32_t *>(subbands), layout, tile,
                            Plane<std::int32_t>{plane + place, stride}, parameters_.threads);
        } else {
            synthesise_tile(static_cast<const float *>(subbands), layout, tile,
                            Plane<float>{as_floats(plane) + place, stride}, parameters_.threads);
        }
    }
}

void Encoder::put_samples(std::uint32_t component, const std::int32_t *samples)
{
    require(samples != nullptr, "the samples are missing");
    const auto count = static_cast<std::size_t>(area_.size());
    const std::uint32_t growth = parameters_.component_transform != 0 ? 1 : 0;
    require(parameters_.reversible == 0 || parameters_.precision + growth <= largest_reversible_precision,
            "reversible samples may have at most 22 bits, 21 with the component transform");
    if (!all_within(samples, count, format_.lowest(), format_.highest(), parameters_.threads)) {
        throw Failure(J2KL_ERROR_RANGE, "a sample lies outside the range of the declared precision");
    }
    std::copy_n(samples, count, new_plane(component, Kind::samples));
}

// Converts the carrier, which put_subbands() stored in the planes, to the samples that OpenJPEG encodes.
void Encoder::make_samples()
{
    const auto count = static_cast<std::size_t>(area_.size());
    const std::size_t threads = parameters_.threads;
    if (parameters_.component_transform != 0) {
        std::int32_t *a = planes_[0].get(), *b = planes_[1].get(), *c = planes_[2].get();
        if (parameters_.reversible != 0) {
            inverse_rct(a, b, c, count, threads);
        } else {
            inverse_ict(as_floats(a), as_floats(b), as_floats(c), count, threads);
        }
    }
    for (const ImageData &plane : planes_) {
        if (parameters_.reversible == 0) {
            carrier_to_samples(plane.get(), count, format_, threads);
        } else if (!shift_to_samples(plane.get(), count, format_, threads)) {
            throw Failure(J2KL_ERROR_RANGE, "the reversible carrier does not fit into " +
                                                std::to_string(parameters_.precision) + " bits per sample");
        }
    }
}

Image Encoder::make_image()
{
    std::vector<opj_image_cmptparm_t> components(parameters_.components);
    for (opj_image_cmptparm_t &component : components) {
        component.dx = component.dy = 1;
        component.x0 = area_.x0;
        component.y0 = area_.y0;
        component.w = area_.width();
        component.h = area_.height();
        component.prec = parameters_.precision;
        component.sgnd = parameters_.is_signed != 0 ? 1 : 0;
    }
    // opj_image_tile_create() allocates no memory for samples: the image takes the planes as its samples.
    Image image(opj_image_tile_create(parameters_.components, components.data(), OPJ_CLRSPC_UNSPECIFIED));
    if (!image) {
        throw std::bad_alloc();
    }
    image->x0 = area_.x0;
    image->y0 = area_.y0;
    image->x1 = area_.x1;
    image->y1 = area_.y1;
    for (std::uint32_t i = 0; i < parameters_.components; ++i) {
        image->comps[i].data = planes_[i].release();
    }
    return image;
}

void Encoder::fill(opj_cparameters_t &target) const
{
    const j2kl_parameters &p = parameters_;
    opj_set_default_encoder_parameters(&target);
    target.tile_size_on = OPJ_TRUE;
    target.cp_tx0 = static_cast<int>(tiles_.x0);
    target.cp_ty0 = static_cast<int>(tiles_.y0);
    target.cp_tdx = static_cast<int>(tiles_.width);
    target.cp_tdy = static_cast<int>(tiles_.height);
    target.image_offset_x0 = static_cast<int>(p.x0);
    target.image_offset_y0 = static_cast<int>(p.y0);
    target.numresolution = static_cast<int>(p.levels) + 1;
    target.irreversible = p.reversible != 0 ? 0 : 1;
    target.tcp_mct = p.component_transform != 0 ? 1 : 0;
    target.cblockw_init = static_cast<int>(p.codeblock_width);
    target.cblockh_init = static_cast<int>(p.codeblock_height);
    target.mode = static_cast<int>(p.mode_switches);
    target.prog_order = static_cast<OPJ_PROG_ORDER>(p.progression);
    target.csty = (p.precinct_count > 0 ? csty_precincts : 0) | (p.sop != 0 ? csty_sop : 0) |
                  (p.eph != 0 ? csty_eph : 0);
    target.res_spec = static_cast<int>(p.precinct_count);
    for (std::uint32_t i = 0; i < p.precinct_count; ++i) {
        target.prcw_init[i] = static_cast<int>(p.precinct_width[i]);
        target.prch_init[i] = static_cast<int>(p.precinct_height[i]);
    }
    target.cp_disto_alloc = 1;
    target.tcp_numlayers = static_cast<int>(p.layers);
    const double bits = static_cast<double>(area_.size()) * p.components * p.precision;
    for (std::uint32_t i = 0; i < p.layers; ++i) {
        // OpenJPEG expects a compression ratio. A ratio of 1 or less, or 0, keeps all passes.
        const double ratio = p.layer_bytes[i] > 0 ? bits / (8 * p.layer_bytes[i]) : 0;
        auto rounded = static_cast<float>(ratio);
        if (rounded < ratio) {
            rounded = std::nextafter(rounded, HUGE_VALF); // rather one byte too few than one too many
        }
        target.tcp_rates[i] = ratio <= 1 ? 0 : rounded;
    }
}

const std::vector<std::uint8_t> &Encoder::finish()
{
    if (finished_) {
        throw Failure(J2KL_ERROR_STATE, "the encoder has finished");
    }
    if (!std::all_of(planes_.begin(), planes_.end(),
                     [](const ImageData &plane) { return plane != nullptr; })) {
        throw Failure(J2KL_ERROR_STATE, "not every component has been put");
    }
    finished_ = true;
    if (kind_ == Kind::subbands) {
        make_samples();
    }
    const Image image = make_image();
    const auto settings = std::make_unique<opj_cparameters_t>(); // 18 kB: too large for the stack
    fill(*settings);

    OutputStream stream; // declared before the codec, which uses it
    const Codec codec(opj_create_compress(OPJ_CODEC_J2K), reporter_);
    const auto need = [&](bool success) {
        if (!success && stream.out_of_memory()) {
            throw std::bad_alloc();
        }
        require_openjpeg(success, reporter_, "OpenJPEG could not write the codestream");
    };
    need(opj_setup_encoder(codec.get(), settings.get(), image.get()) != OPJ_FALSE);
    std::vector<const char *> options;
    if (parameters_.plt != 0) {
        options.push_back("PLT=YES");
    }
    if (parameters_.tlm != 0) {
        options.push_back("TLM=YES");
    }
    options.push_back(nullptr);
    need(opj_encoder_set_extra_options(codec.get(), options.data()) != OPJ_FALSE);
    codec.set_threads(useful_threads(parameters_.threads, tiles_, 0));
    need(opj_start_compress(codec.get(), image.get(), stream.get()) != OPJ_FALSE);
    need(opj_encode(codec.get(), stream.get()) != OPJ_FALSE);
    need(opj_end_compress(codec.get(), stream.get()) != OPJ_FALSE);
    codestream_ = stream.take();
    return codestream_;
}

} // namespace j2kl
