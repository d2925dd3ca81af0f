// The C interface of learned files: decoding and encoding.
#include "base/failure.hpp"
#include "base/guarded.hpp"
#include "base/instructions.hpp"
#include "base/parallel.hpp"
#include "decoder/colour.hpp"
#include "decoder/models.hpp"
#include "decoder/picture.hpp"
#include "encoder/detail_weights.hpp"
#include "encoder/noise.hpp"
#include "encoder/picture_encoder.hpp"
#include "encoder/samples.hpp"
#include "j2kl.h"

#include <algorithm>
#include <memory>

struct j2kl_models : j2kl::picture::Models {};

struct j2kl_picture : j2kl::picture::Picture {
    using Picture::Picture;
};

using j2kl::guarded;
using j2kl::on;

namespace {

int open_picture(const j2kl::picture::Source &source, const j2kl_models *models, j2kl_report *report,
                 j2kl_picture **picture) noexcept
{
    const j2kl::picture::Models *known = models;
    return j2kl::create(picture, report, source, known);
}

using Weighing = double(const j2kl::picture::FitProblem &, std::int32_t *);

int weigh(Weighing *weighing, const std::int32_t *const *sources, std::uint32_t count, const std::int32_t *target,
          std::size_t blocks, std::uint32_t fraction_bits, std::int32_t *weights, double *bits) noexcept
{
    return guarded(nullptr, [&] {
        j2kl::require(sources != nullptr && weights != nullptr && bits != nullptr && fraction_bits <= 8 &&
                          count <= j2kl::picture::most_sources && (target != nullptr || blocks == 0),
                      "");
        j2kl::require(blocks == 0 || std::all_of(sources, sources + count,
                                                 [](const std::int32_t *source) { return source != nullptr; }),
                      "");
        *bits = weighing({sources, count, target, blocks, static_cast<int>(fraction_bits)}, weights);
    });
}

} // namespace

int j2kl_block_bits(const std::int32_t *samples, std::size_t blocks, double *bits)
{
    return guarded(nullptr, [&] {
        j2kl::require(bits != nullptr && (samples != nullptr || blocks == 0), "");
        *bits = j2kl::picture::bits_of_blocks(samples, blocks);
    });
}

int j2kl_weights_fit(const std::int32_t *const *sources, std::uint32_t count, const std::int32_t *target,
                     std::size_t blocks, std::uint32_t fraction_bits, std::int32_t *weights, double *bits)
{
    return weigh(j2kl::picture::fit_weights, sources, count, target, blocks, fraction_bits, weights, bits);
}

int j2kl_weights_refine(const std::int32_t *const *sources, std::uint32_t count, const std::int32_t *target,
                        std::size_t blocks, std::uint32_t fraction_bits, std::int32_t *weights, double *bits)
{
    return weigh(j2kl::picture::refine_weights, sources, count, target, blocks, fraction_bits, weights, bits);
}

int j2kl_pixels(const float *const *planes, std::uint32_t components, std::size_t count, std::int32_t ict,
                std::uint32_t precision, std::int32_t is_signed, void *pixels, std::uint32_t instructions,
                std::uint32_t threads)
{
    return guarded(nullptr, [&] {
        j2kl::require(planes != nullptr && pixels != nullptr && precision >= 1 && precision <= 16 &&
                          (ict == 0 || components >= 3) &&
                          std::all_of(planes, planes + components, [](const float *plane) { return plane != nullptr; }),
                      "");
        const auto set = static_cast<j2kl::Instructions>(instructions);
        j2kl::require(j2kl::available(set), "");
        constexpr std::size_t part = std::size_t{1} << 16;
        j2kl::parallel_for((count + part - 1) / part, threads, [&](std::size_t index) {
            j2kl::picture::to_pixels(planes, components, ict != 0, {precision, is_signed != 0}, pixels, index * part,
                                     std::min(part, count - index * part), set);
        });
    });
}

int j2kl_planes(const void *pixels, std::uint32_t components, std::size_t count, std::int32_t ict,
                std::uint32_t sample_bytes, std::uint32_t precision, std::int32_t is_signed, float *const *planes,
                std::uint32_t instructions, std::uint32_t threads)
{
    return guarded(nullptr, [&] {
        j2kl::require(planes != nullptr && pixels != nullptr && (sample_bytes == 1 || sample_bytes == 2) &&
                          precision >= 1 && precision <= 8 * sample_bytes && (ict == 0 || components >= 3) &&
                          std::all_of(planes, planes + components, [](const float *plane) { return plane != nullptr; }),
                      "");
        const auto set = static_cast<j2kl::Instructions>(instructions);
        j2kl::require(j2kl::available(set), "");
        const j2kl::picture::Samples samples = {pixels, sample_bytes, components, precision, is_signed != 0, ict != 0};
        j2kl::picture::to_planes(samples, count, 0, components, nullptr, planes, threads, set);
    });
}

int j2kl_models_create(j2kl_models **models)
{
    return guarded(nullptr, [&] {
        j2kl::require(models != nullptr, "");
        *models = nullptr;
        *models = new j2kl_models();
    });
}

int j2kl_models_add_folder(j2kl_models *models, const char *folder)
{
    return guarded(nullptr, [&] {
        j2kl::require(models != nullptr, "");
        models->add_folder(folder != nullptr ? folder : "");
    });
}

int j2kl_models_add(j2kl_models *models, const std::uint8_t *data, std::size_t size, j2kl_report *report)
{
    return j2kl::reported(report, [&] {
        j2kl::require(models != nullptr && data != nullptr, "a pointer is missing");
        models->add({data, data + size});
    });
}

void j2kl_models_free(j2kl_models *models)
{
    delete models;
}

int j2kl_picture_open(const std::uint8_t *data, std::size_t size, const j2kl_models *models,
                      j2kl_report *report, j2kl_picture **picture)
{
    if (data == nullptr || picture == nullptr) {
        return J2KL_ERROR_ARGUMENT;
    }
    return open_picture(j2kl::picture::Source(data, size), models, report, picture);
}

int j2kl_picture_open_reader(const j2kl_reader *reader, const j2kl_models *models, j2kl_report *report,
                             j2kl_picture **picture)
{
    if (reader == nullptr || reader->read == nullptr || picture == nullptr) {
        return J2KL_ERROR_ARGUMENT;
    }
    return open_picture(j2kl::picture::Source(*reader), models, report, picture);
}

int j2kl_picture_info_of(const j2kl_picture *picture, j2kl_picture_info *info)
{
    return on(picture, [&] {
        j2kl::require(info != nullptr, "there is no place for the description");
        *info = picture->info();
    });
}

int j2kl_picture_area(const j2kl_picture *picture, const j2kl_picture_request *request, j2kl_rect *area)
{
    return on(picture, [&] {
        j2kl::require(request != nullptr && area != nullptr, "a pointer is missing");
        const j2kl::Rect wanted = picture->area(*request);
        *area = {static_cast<std::int32_t>(wanted.y0), static_cast<std::int32_t>(wanted.x0),
                 static_cast<std::int32_t>(wanted.y1), static_cast<std::int32_t>(wanted.x1)};
    });
}

int j2kl_picture_decode(j2kl_picture *picture, const j2kl_picture_request *request,
                        std::int32_t *const *planes)
{
    return on(picture, [&] {
        j2kl::require(request != nullptr && planes != nullptr, "a pointer is missing");
        picture->decode(*request, planes);
    });
}

int j2kl_picture_decode_tiles(j2kl_picture *picture, const std::uint8_t *codestream, std::size_t size,
                              const j2kl_picture_request *request, std::int32_t *const *planes)
{
    return on(picture, [&] {
        j2kl::require(codestream != nullptr && request != nullptr && planes != nullptr, "a pointer is missing");
        picture->decode_tiles({codestream, size}, *request, planes);
    });
}

void j2kl_picture_free(j2kl_picture *picture)
{
    delete picture;
}

std::size_t j2kl_sizeof_picture_parameters(void)
{
    return sizeof(j2kl_picture_parameters);
}

int j2kl_picture_analyse(const j2kl_picture_parameters *parameters, const void *samples, const j2kl_models *models,
                         j2kl_report *report, float *const *subbands)
{
    return j2kl::reported(report, [&] {
        j2kl::require(parameters != nullptr && samples != nullptr && models != nullptr && subbands != nullptr,
                      "a pointer is missing");
        const j2kl::picture::PictureEncoder encoder(*parameters, *models);
        j2kl::require(std::all_of(subbands, subbands + parameters->carrier.components,
                                  [](const float *place) { return place != nullptr; }),
                      "the place for subbands is missing");
        encoder.analyse(samples, [&](std::uint32_t component, const j2kl::Uninitialised<float> &coefficients) {
            std::copy(coefficients.begin(), coefficients.end(), subbands[component]);
        });
    });
}

int j2kl_picture_encode(const j2kl_picture_parameters *parameters, const void *samples, const j2kl_models *models,
                        j2kl_report *report, std::uint8_t **codestream, std::size_t *size)
{
    return j2kl::reported(report, [&] {
        j2kl::require(parameters != nullptr && samples != nullptr && models != nullptr && codestream != nullptr &&
                          size != nullptr,
                      "a pointer is missing");
        *codestream = nullptr;
        const j2kl::picture::PictureEncoder encoder(*parameters, *models);
        j2kl::picture::Codestream result = encoder.encode(samples, report);
        *size = result.size;
        *codestream = result.bytes.release();
    });
}

void j2kl_codestream_free(std::uint8_t *codestream)
{
    delete[] codestream;
}

int j2kl_picture_noise(j2kl_picture *picture, std::uint32_t threads, std::uint8_t *codes)
{
    return on(picture, [&] {
        j2kl::require(codes != nullptr, "a pointer is missing");
        j2kl::picture::measure_noise(*picture, std::max(threads, 1U), codes);
    });
}
