// The C interface: handles are C++ objects, and exceptions are converted to codes and texts.
#include "base/failure.hpp"
#include "base/guarded.hpp"
#include "base/parallel.hpp"
#include "codestream/packet_list.hpp"
#include "dequantisation/dequantiser.hpp"
#include "integer/layer.hpp"
#include "integer/mixture.hpp"
#include "j2kl.h"
#include "lifting/operator.hpp"
#include "transport/block_reader.hpp"
#include "transport/decoder.hpp"
#include "transport/encoder.hpp"
#include "wavelet/kernels.hpp"
#include "wavelet/non_separable53.hpp"
#include "wavelet/wavelet.hpp"

#include <algorithm>
#include <exception>
#include <memory>
#include <new>
#include <vector>

struct j2kl_encoder : j2kl::Encoder {
    using Encoder::Encoder;
};

struct j2kl_decoder : j2kl::Decoder {
    using Decoder::Decoder;
};

struct j2kl_block_reader : j2kl::BlockReader {
    using BlockReader::BlockReader;
};

struct j2kl_packets : j2kl::PacketList {
    using PacketList::PacketList;
};

struct j2kl_layer : j2kl::IntegerLayer {
    using IntegerLayer::IntegerLayer;
};

struct j2kl_operator : j2kl::lifting::Operator {
    using Operator::Operator;
};

struct j2kl_dequantiser : j2kl::dequantisation::Dequantiser {
    using Dequantiser::Dequantiser;
};

namespace {

using j2kl::create;
using j2kl::guarded;
using j2kl::on;
using j2kl::reported;
using j2kl::Reporter;

constexpr std::uint32_t abi_version = 13;

template <class T> using Analysis = void(j2kl::Plane<const T>, const j2kl::Rect &, const j2kl::Bands<T> &, std::size_t);
template <class T> using Synthesis = void(const j2kl::Bands<const T> &, const j2kl::Rect &, j2kl::Plane<T>, std::size_t);

// The wavelets of T.800, in this form.
template <class T>
void analyse(j2kl::Plane<const T> plane, const j2kl::Rect &area, const j2kl::Bands<T> &bands, std::size_t threads)
{
    j2kl::analyse(plane, area, bands, threads);
}

template <class T>
void synthesise(const j2kl::Bands<const T> &bands, const j2kl::Rect &area, j2kl::Plane<T> plane, std::size_t threads)
{
    j2kl::synthesise(bands, area, plane, threads);
}

template <class T>
int analyse_level(const T *plane, std::size_t stride, std::uint32_t width, std::uint32_t height,
                  std::uint32_t x0, std::uint32_t y0, T *ll, T *hl, T *lh, T *hh, std::uint32_t threads,
                  Analysis<T> *analysis = analyse<T>) noexcept
{
    return guarded(nullptr, [&] {
        const j2kl::Rect area = {x0, y0, x0 + width, y0 + height};
        j2kl::require(area.x1 >= x0 && area.y1 >= y0 && stride >= width, "");
        const auto band = [&](T *data, j2kl::Band name) {
            const j2kl::Rect part = area.subband(name, 1);
            j2kl::require(data != nullptr || part.empty(), "");
            return j2kl::Plane<T>{data, part.width()};
        };
        const j2kl::Bands<T> bands = {band(ll, j2kl::Band::LL), band(hl, j2kl::Band::HL),
                                      band(lh, j2kl::Band::LH), band(hh, j2kl::Band::HH)};
        j2kl::require(plane != nullptr || area.empty(), "");
        analysis({plane, stride}, area, bands, threads);
    });
}

template <class T>
int synthesise_level(const T *ll, const T *hl, const T *lh, const T *hh, std::uint32_t width,
                     std::uint32_t height, std::uint32_t x0, std::uint32_t y0, T *plane, std::size_t stride,
                     std::uint32_t threads, Synthesis<T> *synthesis = synthesise<T>) noexcept
{
    return guarded(nullptr, [&] {
        const j2kl::Rect area = {x0, y0, x0 + width, y0 + height};
        j2kl::require(area.x1 >= x0 && area.y1 >= y0 && stride >= width, "");
        const auto band = [&](const T *data, j2kl::Band name) {
            const j2kl::Rect part = area.subband(name, 1);
            j2kl::require(data != nullptr || part.empty(), "");
            return j2kl::Plane<const T>{data, part.width()};
        };
        const j2kl::Bands<const T> bands = {band(ll, j2kl::Band::LL), band(hl, j2kl::Band::HL),
                                            band(lh, j2kl::Band::LH), band(hh, j2kl::Band::HH)};
        j2kl::require(plane != nullptr || area.empty(), "");
        synthesis(bands, area, {plane, stride}, threads);
    });
}

void check_mixture(const j2kl_mixture_tables *tables, std::uint32_t components)
{
    j2kl::require(tables != nullptr && tables->exponential != nullptr && tables->reciprocal != nullptr &&
                      tables->variance != nullptr && tables->cumulative != nullptr,
                  "");
    j2kl::require(components >= 1 && components <= j2kl::mixture::most_components, "");
}

// Whether `value` is in the range of positions for which the sums of mixtures are proven to fit.
bool near(std::int32_t value)
{
    constexpr std::int32_t farthest = 1 << 22;
    return -farthest <= value && value <= farthest;
}

// Calls body(i) for every i below `count`, in blocks, on up to `threads` threads.
template <class Body> void in_blocks(std::size_t count, std::uint32_t threads, const Body &body)
{
    constexpr std::size_t block = 1U << 11;
    j2kl::parallel_for((count + block - 1) / block, threads, [&](std::size_t index) {
        for (std::size_t i = index * block, end = std::min(i + block, count); i < end; ++i) {
            body(i);
        }
    });
}

} // namespace

std::uint32_t j2kl_abi_version(void)
{
    return abi_version;
}

const char *j2kl_openjpeg_version(void)
{
    return opj_version();
}

std::size_t j2kl_sizeof_parameters(void)
{
    return sizeof(j2kl_parameters);
}

std::size_t j2kl_sizeof_request(void)
{
    return sizeof(j2kl_request);
}

int j2kl_encoder_create(const j2kl_parameters *parameters, j2kl_report *report, j2kl_encoder **encoder)
{
    if (parameters == nullptr || encoder == nullptr) {
        return J2KL_ERROR_ARGUMENT;
    }
    return create(encoder, report, *parameters);
}

int j2kl_encoder_put_subbands(j2kl_encoder *encoder, std::uint32_t component, const void *subbands)
{
    return on(encoder, [&] { encoder->put_subbands(component, subbands); });
}

int j2kl_encoder_put_samples(j2kl_encoder *encoder, std::uint32_t component, const std::int32_t *samples)
{
    return on(encoder, [&] { encoder->put_samples(component, samples); });
}

int j2kl_encoder_finish(j2kl_encoder *encoder, const std::uint8_t **codestream, std::size_t *size)
{
    return on(encoder, [&] {
        j2kl::require(codestream != nullptr && size != nullptr, "there is no place for the codestream");
        const std::vector<std::uint8_t> &bytes = encoder->finish();
        *codestream = bytes.data();
        *size = bytes.size();
    });
}

void j2kl_encoder_free(j2kl_encoder *encoder)
{
    delete encoder;
}

int j2kl_decoder_open(const std::uint8_t *data, std::size_t size, const j2kl_limits *limits,
                      j2kl_report *report, j2kl_decoder **decoder)
{
    if (data == nullptr || decoder == nullptr) {
        return J2KL_ERROR_ARGUMENT;
    }
    return create(decoder, report, data, size, limits != nullptr ? *limits : j2kl_limits{});
}

int j2kl_decoder_header(const j2kl_decoder *decoder, j2kl_header *header)
{
    return on(decoder, [&] {
        j2kl::require(header != nullptr, "there is no place for the header");
        *header = decoder->header();
    });
}

int j2kl_decoder_decode(j2kl_decoder *decoder, const j2kl_request *request)
{
    return on(decoder, [&] { decoder->decode(request != nullptr ? *request : j2kl_request{}); });
}

int j2kl_decoder_component_count(const j2kl_decoder *decoder, std::uint32_t *count)
{
    return on(decoder, [&] {
        j2kl::require(count != nullptr, "there is no place for the number of components");
        *count = decoder->component_count();
    });
}

int j2kl_decoder_component(const j2kl_decoder *decoder, std::uint32_t index, j2kl_component *component)
{
    return on(decoder, [&] {
        j2kl::require(component != nullptr, "there is no place for the component");
        *component = decoder->component(index);
    });
}

int j2kl_decoder_get_samples(j2kl_decoder *decoder, std::uint32_t index, std::int32_t *samples)
{
    return on(decoder, [&] { decoder->get_samples(index, samples); });
}

int j2kl_decoder_get_subbands(j2kl_decoder *decoder, std::uint32_t index, std::uint32_t levels,
                              std::int32_t *subbands)
{
    return on(decoder, [&] { decoder->get_subbands(index, levels, subbands); });
}

void j2kl_decoder_free(j2kl_decoder *decoder)
{
    delete decoder;
}

int j2kl_block_reader_open(const std::uint8_t *data, std::size_t size, j2kl_report *report,
                           j2kl_block_reader **reader)
{
    if (data == nullptr || reader == nullptr) {
        return J2KL_ERROR_ARGUMENT;
    }
    return create(reader, report, j2kl::Bytes{data, size});
}

int j2kl_block_reader_read(j2kl_block_reader *reader, const j2kl_band_request *requests, std::size_t count,
                           std::uint32_t layers, std::uint32_t threads)
{
    return on(reader, [&] {
        j2kl::require(requests != nullptr || count == 0, "the requests are missing");
        std::vector<j2kl::BandRequest> parts;
        for (std::size_t i = 0; i < count; ++i) {
            const j2kl_band_request &request = requests[i];
            j2kl::require(request.band <= 3, "there is no such orientation");
            j2kl::require(request.x0 <= request.x1 && request.y0 <= request.y1, "a part of a subband has no size");
            parts.push_back({request.component, request.level, static_cast<j2kl::Band>(request.band),
                             {request.x0, request.y0, request.x1, request.y1}, request.half_steps});
        }
        reader->read(parts, layers, threads);
    });
}

void j2kl_block_reader_free(j2kl_block_reader *reader)
{
    delete reader;
}

int j2kl_packets_open(const std::uint8_t *head, std::size_t size, j2kl_report *report, j2kl_packets **packets)
{
    if (head == nullptr || packets == nullptr) {
        return J2KL_ERROR_ARGUMENT;
    }
    return create(packets, report, head, size);
}

int j2kl_packets_list(j2kl_packets *packets, std::uint32_t tile, const std::uint8_t *segments,
                      std::size_t segments_size, const j2kl_packet **result, std::size_t *count)
{
    return on(packets, [&] {
        j2kl::require(segments != nullptr && result != nullptr && count != nullptr, "an argument is missing");
        packets->list(tile, {segments, segments_size});
        *result = packets->packets().data();
        *count = packets->packets().size();
    });
}

int j2kl_packets_find(j2kl_packets *packets, std::uint32_t tile, const std::uint8_t *segments,
                      std::size_t segments_size, const std::uint8_t *data, std::size_t size,
                      const std::uint8_t *headers, std::size_t headers_size, const j2kl_packet **result,
                      std::size_t *count)
{
    return on(packets, [&] {
        j2kl::require(segments != nullptr && data != nullptr && result != nullptr && count != nullptr,
                      "an argument is missing");
        const j2kl::Bytes packed = {headers, headers_size};
        packets->find(tile, {segments, segments_size}, {data, size}, headers != nullptr ? &packed : nullptr);
        *result = packets->packets().data();
        *count = packets->packets().size();
    });
}

int j2kl_packets_raise(j2kl_packets *packets, std::uint32_t tile, const std::uint8_t *segments,
                       std::size_t segments_size, const std::uint8_t *data, std::size_t size,
                       const std::uint8_t *planes, std::size_t planes_count, const std::uint8_t **bytes,
                       const j2kl_packet **result, std::size_t *count)
{
    return on(packets, [&] {
        j2kl::require(segments != nullptr && data != nullptr && planes != nullptr && bytes != nullptr &&
                          result != nullptr && count != nullptr,
                      "an argument is missing");
        packets->raise(tile, {segments, segments_size}, {data, size}, planes, planes_count);
        *bytes = packets->bytes().data();
        *result = packets->packets().data();
        *count = packets->packets().size();
    });
}

void j2kl_packets_free(j2kl_packets *packets)
{
    delete packets;
}

int j2kl_analyse_97(const float *plane, std::size_t stride, std::uint32_t width, std::uint32_t height,
                    std::uint32_t x0, std::uint32_t y0, float *ll, float *hl, float *lh, float *hh,
                    std::uint32_t threads)
{
    return analyse_level(plane, stride, width, height, x0, y0, ll, hl, lh, hh, threads);
}

int j2kl_synthesise_97(const float *ll, const float *hl, const float *lh, const float *hh,
                       std::uint32_t width, std::uint32_t height, std::uint32_t x0, std::uint32_t y0,
                       float *plane, std::size_t stride, std::uint32_t threads)
{
    return synthesise_level(ll, hl, lh, hh, width, height, x0, y0, plane, stride, threads);
}

int j2kl_analyse_53(const std::int32_t *plane, std::size_t stride, std::uint32_t width, std::uint32_t height,
                    std::uint32_t x0, std::uint32_t y0, std::int32_t *ll, std::int32_t *hl, std::int32_t *lh,
                    std::int32_t *hh, std::uint32_t threads)
{
    return analyse_level(plane, stride, width, height, x0, y0, ll, hl, lh, hh, threads);
}

int j2kl_synthesise_53(const std::int32_t *ll, const std::int32_t *hl, const std::int32_t *lh,
                       const std::int32_t *hh, std::uint32_t width, std::uint32_t height, std::uint32_t x0,
                       std::uint32_t y0, std::int32_t *plane, std::size_t stride, std::uint32_t threads)
{
    return synthesise_level(ll, hl, lh, hh, width, height, x0, y0, plane, stride, threads);
}

int j2kl_analyse_non_separable_53(const std::int32_t *plane, std::size_t stride, std::uint32_t width,
                                  std::uint32_t height, std::uint32_t x0, std::uint32_t y0, std::int32_t *ll,
                                  std::int32_t *hl, std::int32_t *lh, std::int32_t *hh, std::uint32_t threads)
{
    return analyse_level(plane, stride, width, height, x0, y0, ll, hl, lh, hh, threads, j2kl::analyse_non_separable53);
}

int j2kl_synthesise_non_separable_53(const std::int32_t *ll, const std::int32_t *hl, const std::int32_t *lh,
                                     const std::int32_t *hh, std::uint32_t width, std::uint32_t height,
                                     std::uint32_t x0, std::uint32_t y0, std::int32_t *plane, std::size_t stride,
                                     std::uint32_t threads)
{
    return synthesise_level(ll, hl, lh, hh, width, height, x0, y0, plane, stride, threads,
                            j2kl::synthesise_non_separable53);
}

int j2kl_reconstruct(const std::int32_t *half_steps, float *coefficients, std::size_t count, float spacing,
                     float bias, std::uint32_t threads)
{
    return guarded(nullptr, [&] {
        j2kl::require((half_steps != nullptr && coefficients != nullptr) || count == 0, "");
        constexpr std::size_t block = 1U << 18;
        j2kl::parallel_for((count + block - 1) / block, threads, [&](std::size_t index) {
            const std::size_t first = index * block;
            j2kl::kernels::reconstruct(half_steps + first, coefficients + first, spacing, bias,
                                       std::min(block, count - first));
        });
    });
}

int j2kl_instructions_available(std::uint32_t instructions)
{
    return j2kl::available(static_cast<j2kl::Instructions>(instructions)) ? 1 : 0;
}

int j2kl_layer_create(const std::int16_t *weights, const std::int32_t *bias, const std::int32_t *shift,
                      std::uint32_t outputs, std::uint32_t size, std::uint32_t inputs, std::int32_t low,
                      std::int32_t high, j2kl_layer **layer)
{
    return guarded(nullptr, [&] {
        j2kl::require(layer != nullptr, "");
        *layer = nullptr;
        *layer = new j2kl_layer(weights, bias, shift, outputs, size, inputs, low, high);
    });
}

int j2kl_layer_apply(const j2kl_layer *layer, const std::int16_t *x, std::uint32_t height,
                     std::uint32_t width, const std::int16_t *residual, std::int16_t *y,
                     std::uint32_t instructions, std::uint32_t threads)
{
    return guarded(nullptr, [&] {
        const auto set = static_cast<j2kl::Instructions>(instructions);
        j2kl::require(layer != nullptr && j2kl::available(set), "");
        j2kl::require((x != nullptr && y != nullptr) || height == 0 || width == 0, "");
        layer->apply(x, height, width, residual, y, set, threads);
    });
}

void j2kl_layer_free(j2kl_layer *layer)
{
    delete layer;
}

int j2kl_operator_create(const j2kl_operator_shape *shape, const std::int16_t *first,
                         const std::int16_t *blocks, const std::int16_t *last, const std::int16_t *proposals,
                         const j2kl_operator_numbers *numbers, j2kl_report *report, j2kl_operator **result)
{
    return reported(report, [&] {
        j2kl::require(result != nullptr, "there is no place for the operator");
        *result = nullptr;
        j2kl::require(shape != nullptr && numbers != nullptr, "the shape and the numbers are missing");
        *result = new j2kl_operator(*shape, first, blocks, last, proposals, *numbers);
    });
}

int j2kl_operator_lift(const j2kl_operator *handle, const j2kl_plane *sources, const j2kl_plane *targets,
                       std::uint32_t components, int shared, int sign, const j2kl_rect *grid,
                       std::uint32_t instructions, std::uint32_t threads, j2kl_report *report)
{
    return reported(report, [&] {
        const auto set = static_cast<j2kl::Instructions>(instructions);
        j2kl::require(handle != nullptr, "there is no operator");
        j2kl::require(j2kl::available(set), "the processor does not support the instruction set");
        handle->lift(sources, targets, components, shared != 0, sign, grid, set, threads);
    });
}

void j2kl_operator_destroy(j2kl_operator *handle)
{
    delete handle;
}

int j2kl_mixture_bins(const j2kl_mixture_tables *tables, const std::int16_t *parameters, std::size_t count,
                      std::uint32_t components, std::int32_t *inside, std::int32_t *centre,
                      std::int32_t *width, std::int32_t *raw, std::uint32_t threads)
{
    return guarded(nullptr, [&] {
        check_mixture(tables, components);
        j2kl::require(count == 0 || (parameters != nullptr && inside != nullptr && centre != nullptr &&
                                     width != nullptr && raw != nullptr),
                      "");
        in_blocks(count, threads, [&](std::size_t i) {
            const j2kl::mixture::Bins bins =
                j2kl::mixture::bins_of(*tables, parameters + i * 3 * components, components);
            inside[i] = bins.inside;
            centre[i] = bins.centre;
            width[i] = bins.width;
            raw[i] = bins.raw;
        });
    });
}

int j2kl_mixture_outside(const j2kl_mixture_tables *tables, const std::int16_t *parameters, std::size_t count,
                         std::uint32_t components, const std::int32_t *centre, const std::int32_t *width,
                         float *rows, std::uint32_t threads)
{
    return guarded(nullptr, [&] {
        check_mixture(tables, components);
        j2kl::require(count == 0 ||
                          (parameters != nullptr && centre != nullptr && width != nullptr && rows != nullptr),
                      "");
        in_blocks(count, threads, [&](std::size_t i) {
            j2kl::require(near(centre[i]) && width[i] >= 0 && width[i] <= 15, "");
            j2kl::mixture::outside_row(*tables, parameters + i * 3 * components, components, centre[i],
                                       width[i], rows + i * j2kl::mixture::others);
        });
    });
}

int j2kl_mixture_digits(const j2kl_mixture_tables *tables, const std::int16_t *parameters, std::size_t count,
                        std::uint32_t components, const std::int32_t *low, const std::int32_t *step,
                        const std::int32_t *bits, float *rows, std::uint32_t threads)
{
    return guarded(nullptr, [&] {
        check_mixture(tables, components);
        j2kl::require(count == 0 || (parameters != nullptr && low != nullptr && step != nullptr &&
                                     bits != nullptr && rows != nullptr),
                      "");
        in_blocks(count, threads, [&](std::size_t i) {
            j2kl::require(near(low[i]) && step[i] >= 0 && step[i] <= 14 && bits[i] >= 1 && bits[i] <= 4, "");
            j2kl::mixture::digit_row(*tables, parameters + i * 3 * components, components, low[i], step[i],
                                     bits[i], rows + i * j2kl::mixture::digits);
        });
    });
}

int j2kl_dequantiser_create(const j2kl_dequantiser_numbers *numbers, const std::int16_t *first,
                            const std::int16_t *body, const std::int16_t *last, const std::int32_t *biases,
                            const std::int16_t *compression, const float *octaves, j2kl_report *report,
                            j2kl_dequantiser **dequantiser)
{
    Reporter reporter(report);
    reporter.forget_errors();
    return guarded(&reporter, [&] {
        j2kl::require(numbers != nullptr && dequantiser != nullptr, "a pointer is missing");
        *dequantiser = nullptr;
        *dequantiser = new j2kl_dequantiser(
            j2kl::dequantisation::Network(*numbers, first, body, last, biases, compression, octaves));
    });
}

int j2kl_dequantiser_apply(const j2kl_dequantiser *dequantiser, const float *const *sources,
                           std::ptrdiff_t source_stride, float *const *targets, std::ptrdiff_t target_stride,
                           std::int32_t y0, std::int32_t x0, std::int32_t y1, std::int32_t x1,
                           const j2kl_rect *part, const std::int16_t *const *noise,
                           std::ptrdiff_t noise_stride, std::uint32_t instructions, std::uint32_t threads,
                           j2kl_report *report)
{
    Reporter reporter(report);
    reporter.forget_errors();
    return guarded(&reporter, [&] {
        const auto set = static_cast<j2kl::Instructions>(instructions);
        j2kl::require(dequantiser != nullptr, "there is no de-quantiser");
        j2kl::require(j2kl::available(set), "the processor does not support the instruction set");
        j2kl::require(sources != nullptr && targets != nullptr && noise != nullptr, "a pointer is missing");
        j2kl::dequantisation::Components components = {};
        std::copy_n(sources, dequantiser->reads(), components.sources);
        std::copy_n(targets, dequantiser->writes(), components.targets);
        std::copy_n(noise, dequantiser->writes(), components.noise);
        components.source_stride = source_stride;
        components.target_stride = target_stride;
        components.y0 = y0;
        components.x0 = x0;
        components.y1 = y1;
        components.x1 = x1;
        components.part = part != nullptr ? *part : j2kl_rect{y0, x0, y1, x1};
        components.noise_stride = noise_stride;
        dequantiser->apply(components, set, threads);
    });
}

void j2kl_dequantiser_free(j2kl_dequantiser *dequantiser)
{
    delete dequantiser;
}
