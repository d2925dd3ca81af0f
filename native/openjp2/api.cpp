// The public functions of OpenJPEG 2.5. Every one calls that of the real library. Where a decompressor reads
// a learned file, the samples are replaced by those of the learned transform.
#include "openjp2/codec.hpp"
#include "openjp2/memory.hpp"
#include "openjp2/real.hpp"
#include "openjp2/registry.hpp"
#include "openjp2/stream.hpp"

#include <algorithm>
#include <cstdlib>
#include <cstring>

namespace {

using j2kl::openjp2::Codec;
using j2kl::openjp2::Numbers;
using j2kl::openjp2::Stream;

// They have no destructor: programs may call until the process ends.
j2kl::openjp2::Registry<Codec> codecs;
j2kl::openjp2::Registry<Stream> streams;

opj_stream_t *active(opj_stream_t *stream) noexcept
{
    const Stream *known = streams.find(stream);
    return known != nullptr ? known->active() : stream;
}

opj_stream_t *remembered(opj_stream_t *stream, std::size_t buffer_size, OPJ_BOOL input,
                         const char *file = nullptr) noexcept
{
    if (stream != nullptr && input != OPJ_FALSE) {
        if (auto *known = new (std::nothrow) Stream(stream, buffer_size, file)) {
            streams.add(stream, known);
        }
    }
    return stream;
}

// The threads of a decompressor before opj_codec_set_threads(): OpenJPEG reads this variable, too.
std::uint32_t default_threads() noexcept
{
    const char *named = std::getenv("OPJ_NUM_THREADS");
    if (named == nullptr || J2KL_REAL(opj_has_thread_support)() == OPJ_FALSE) {
        return 1;
    }
    const int processors = std::max(J2KL_REAL(opj_get_num_cpus)(), 1);
    const bool all = std::strcmp(named, "ALL_CPUS") == 0;
    return static_cast<std::uint32_t>(std::clamp(all ? processors : std::atoi(named), 1, 2 * processors));
}

// The field of a component that is obsolete, and that OpenJPEG carries along without reading it.
OPJ_UINT32 &unused_field(opj_image_comp_t &component) noexcept
{
#if defined(__GNUC__)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
#endif
    return component.bpp;
#if defined(__GNUC__)
#pragma GCC diagnostic pop
#endif
}

// Numbers the components of an image while OpenJPEG decodes it: channel definitions, and a choice of
// components, change their order.
class Numbered {
public:
    explicit Numbered(opj_image_t *image) : image_(image)
    {
        done_ = before_.allocate(count());
        for (OPJ_UINT32 i = 0; done_ && i < count(); ++i) {
            before_.data()[i] = unused_field(image_->comps[i]);
            unused_field(image_->comps[i]) = i;
        }
    }
    Numbered(const Numbered &) = delete;
    Numbered &operator=(const Numbered &) = delete;
    ~Numbered()
    {
        for (OPJ_UINT32 i = 0; done_ && i < count(); ++i) {
            const OPJ_UINT32 index = unused_field(image_->comps[i]);
            unused_field(image_->comps[i]) = index < before_.count() ? before_.data()[index] : 0;
        }
    }
    // The numbers, in the order of the components. Returns whether there is memory.
    bool order(Numbers &result) const
    {
        if (!done_ || !result.allocate(count())) {
            return false;
        }
        for (OPJ_UINT32 i = 0; i < count(); ++i) {
            result.data()[i] = unused_field(image_->comps[i]);
        }
        return true;
    }

private:
    OPJ_UINT32 count() const noexcept
    {
        return image_ != nullptr && image_->comps != nullptr ? image_->numcomps : 0;
    }

    opj_image_t *image_;
    Numbers before_;
    bool done_;
};

// Decodes an image by a call of the real library, and replaces the samples of a learned file.
template <class Call> OPJ_BOOL decoded(opj_codec_t *codec, opj_image_t *image, const Call &call) noexcept
{
    Codec *known = codecs.find(codec);
    if (known == nullptr || !known->is_learned()) {
        return call();
    }
    const Numbered numbered(image);
    const OPJ_BOOL done = call();
    Numbers order;
    if (done != OPJ_FALSE && image != nullptr && numbered.order(order)) {
        known->fill(*image, order.data());
    }
    return done;
}

} // namespace

// A function that only passes its arguments on.
#define J2KL_PASS(result, name, parameters, arguments)                                                       \
    result OPJ_CALLCONV name parameters                                                                      \
    {                                                                                                        \
        return J2KL_REAL(name) arguments;                                                                    \
    }

using Text = const char *;
using ImagePointer = opj_image_t *;
using Pointer = void *;
using CodecPointer = opj_codec_t *;
using InfoPointer = opj_codestream_info_v2_t *;
using IndexPointer = opj_codestream_index_t *;

extern "C" {

// Tells this library from OpenJPEG's own.
OPJ_API const char *opj_j2klearn_version(void)
{
    return "1";
}

J2KL_PASS(Text, opj_version, (void), ())
J2KL_PASS(ImagePointer, opj_image_create,
          (OPJ_UINT32 count, opj_image_cmptparm_t *parameters, OPJ_COLOR_SPACE space),
          (count, parameters, space))
J2KL_PASS(void, opj_image_destroy, (opj_image_t * image), (image))
J2KL_PASS(ImagePointer, opj_image_tile_create,
          (OPJ_UINT32 count, opj_image_cmptparm_t *parameters, OPJ_COLOR_SPACE space),
          (count, parameters, space))
J2KL_PASS(Pointer, opj_image_data_alloc, (OPJ_SIZE_T size), (size))
J2KL_PASS(void, opj_image_data_free, (void *data), (data))
J2KL_PASS(void, opj_stream_set_write_function, (opj_stream_t * stream, opj_stream_write_fn function),
          (stream, function))
J2KL_PASS(void, opj_set_default_decoder_parameters, (opj_dparameters_t * parameters), (parameters))
J2KL_PASS(OPJ_BOOL, opj_decoder_set_strict_mode, (opj_codec_t * codec, OPJ_BOOL strict), (codec, strict))
J2KL_PASS(OPJ_BOOL, opj_set_info_handler, (opj_codec_t * codec, opj_msg_callback callback, void *data),
          (codec, callback, data))
J2KL_PASS(OPJ_BOOL, opj_set_error_handler, (opj_codec_t * codec, opj_msg_callback callback, void *data),
          (codec, callback, data))
J2KL_PASS(OPJ_BOOL, opj_set_decode_area,
          (opj_codec_t * codec, opj_image_t *image, OPJ_INT32 x0, OPJ_INT32 y0, OPJ_INT32 x1, OPJ_INT32 y1),
          (codec, image, x0, y0, x1, y1))
J2KL_PASS(OPJ_BOOL, opj_write_tile,
          (opj_codec_t * codec, OPJ_UINT32 tile, OPJ_BYTE *data, OPJ_UINT32 size, opj_stream_t *stream),
          (codec, tile, data, size, stream))
J2KL_PASS(CodecPointer, opj_create_compress, (OPJ_CODEC_FORMAT format), (format))
J2KL_PASS(void, opj_set_default_encoder_parameters, (opj_cparameters_t * parameters), (parameters))
J2KL_PASS(OPJ_BOOL, opj_setup_encoder,
          (opj_codec_t * codec, opj_cparameters_t *parameters, opj_image_t *image),
          (codec, parameters, image))
J2KL_PASS(OPJ_BOOL, opj_encoder_set_extra_options, (opj_codec_t * codec, const char *const *options),
          (codec, options))
J2KL_PASS(OPJ_BOOL, opj_start_compress, (opj_codec_t * codec, opj_image_t *image, opj_stream_t *stream),
          (codec, image, stream))
J2KL_PASS(OPJ_BOOL, opj_end_compress, (opj_codec_t * codec, opj_stream_t *stream), (codec, stream))
J2KL_PASS(OPJ_BOOL, opj_encode, (opj_codec_t * codec, opj_stream_t *stream), (codec, stream))
J2KL_PASS(void, opj_destroy_cstr_info, (opj_codestream_info_v2_t * *info), (info))
J2KL_PASS(void, opj_dump_codec, (opj_codec_t * codec, OPJ_INT32 flag, FILE *output), (codec, flag, output))
J2KL_PASS(InfoPointer, opj_get_cstr_info, (opj_codec_t * codec), (codec))
J2KL_PASS(IndexPointer, opj_get_cstr_index, (opj_codec_t * codec), (codec))
J2KL_PASS(void, opj_destroy_cstr_index, (opj_codestream_index_t * *index), (index))
J2KL_PASS(OPJ_BOOL, opj_set_MCT,
          (opj_cparameters_t * parameters, OPJ_FLOAT32 *matrix, OPJ_INT32 *shift, OPJ_UINT32 count),
          (parameters, matrix, shift, count))
J2KL_PASS(OPJ_BOOL, opj_has_thread_support, (void), ())
J2KL_PASS(int, opj_get_num_cpus, (void), ())

opj_stream_t *OPJ_CALLCONV opj_stream_default_create(OPJ_BOOL input)
{
    return remembered(J2KL_REAL(opj_stream_default_create)(input), OPJ_J2K_STREAM_CHUNK_SIZE, input);
}

opj_stream_t *OPJ_CALLCONV opj_stream_create(OPJ_SIZE_T buffer_size, OPJ_BOOL input)
{
    return remembered(J2KL_REAL(opj_stream_create)(buffer_size, input), buffer_size, input);
}

opj_stream_t *OPJ_CALLCONV opj_stream_create_default_file_stream(const char *file, OPJ_BOOL input)
{
    return remembered(J2KL_REAL(opj_stream_create_default_file_stream)(file, input),
                      OPJ_J2K_STREAM_CHUNK_SIZE, input, file);
}

opj_stream_t *OPJ_CALLCONV opj_stream_create_file_stream(const char *file, OPJ_SIZE_T buffer_size,
                                                         OPJ_BOOL input)
{
    return remembered(J2KL_REAL(opj_stream_create_file_stream)(file, buffer_size, input), buffer_size, input,
                      file);
}

void OPJ_CALLCONV opj_stream_destroy(opj_stream_t *stream)
{
    streams.remove(stream);
    J2KL_REAL(opj_stream_destroy)(stream);
}

void OPJ_CALLCONV opj_stream_set_read_function(opj_stream_t *stream, opj_stream_read_fn function)
{
    if (Stream *known = streams.find(stream)) {
        known->read = function;
    }
    J2KL_REAL(opj_stream_set_read_function)(stream, function);
}

void OPJ_CALLCONV opj_stream_set_skip_function(opj_stream_t *stream, opj_stream_skip_fn function)
{
    if (Stream *known = streams.find(stream)) {
        known->skip = function;
    }
    J2KL_REAL(opj_stream_set_skip_function)(stream, function);
}

void OPJ_CALLCONV opj_stream_set_seek_function(opj_stream_t *stream, opj_stream_seek_fn function)
{
    if (Stream *known = streams.find(stream)) {
        known->seek = function;
    }
    J2KL_REAL(opj_stream_set_seek_function)(stream, function);
}

void OPJ_CALLCONV opj_stream_set_user_data(opj_stream_t *stream, void *data,
                                           opj_stream_free_user_data_fn function)
{
    if (Stream *known = streams.find(stream)) {
        known->user_data = data;
    }
    J2KL_REAL(opj_stream_set_user_data)(stream, data, function);
}

void OPJ_CALLCONV opj_stream_set_user_data_length(opj_stream_t *stream, OPJ_UINT64 length)
{
    if (Stream *known = streams.find(stream)) {
        known->length = length;
    }
    J2KL_REAL(opj_stream_set_user_data_length)(stream, length);
}

OPJ_BOOL OPJ_CALLCONV opj_set_warning_handler(opj_codec_t *codec, opj_msg_callback callback, void *data)
{
    if (Codec *known = codecs.find(codec)) {
        known->settings.warning = callback;
        known->settings.warning_data = data;
    }
    return J2KL_REAL(opj_set_warning_handler)(codec, callback, data);
}

opj_codec_t *OPJ_CALLCONV opj_create_decompress(OPJ_CODEC_FORMAT format)
{
    opj_codec_t *codec = J2KL_REAL(opj_create_decompress)(format);
    if (codec != nullptr) {
        if (auto *known = new (std::nothrow) Codec) {
            known->settings.threads = default_threads();
            codecs.add(codec, known);
        }
    }
    return codec;
}

void OPJ_CALLCONV opj_destroy_codec(opj_codec_t *codec)
{
    codecs.remove(codec);
    J2KL_REAL(opj_destroy_codec)(codec);
}

OPJ_BOOL OPJ_CALLCONV opj_setup_decoder(opj_codec_t *codec, opj_dparameters_t *parameters)
{
    Codec *known = codecs.find(codec);
    if (known != nullptr && parameters != nullptr) {
        known->settings.layers = parameters->cp_layer;
        known->settings.reduce = parameters->cp_reduce;
    }
    return J2KL_REAL(opj_setup_decoder)(codec, parameters);
}

OPJ_BOOL OPJ_CALLCONV opj_codec_set_threads(opj_codec_t *codec, int threads)
{
    if (Codec *known = codecs.find(codec)) {
        known->settings.threads = static_cast<std::uint32_t>(std::clamp(threads, 1, 256));
    }
    return J2KL_REAL(opj_codec_set_threads)(codec, threads);
}

OPJ_BOOL OPJ_CALLCONV opj_read_header(opj_stream_t *stream, opj_codec_t *codec, opj_image_t **image)
{
    Codec *known = codecs.find(codec);
    Stream *source = known != nullptr ? streams.find(stream) : nullptr;
    if (source != nullptr) {
        known->examine(*source);
    }
    return J2KL_REAL(opj_read_header)(active(stream), codec, image);
}

OPJ_BOOL OPJ_CALLCONV opj_set_decoded_components(opj_codec_t *codec, OPJ_UINT32 count,
                                                 const OPJ_UINT32 *indices, OPJ_BOOL transforms)
{
    const OPJ_BOOL done = J2KL_REAL(opj_set_decoded_components)(codec, count, indices, transforms);
    Codec *known = codecs.find(codec);
    if (done != OPJ_FALSE && known != nullptr) {
        known->choose(indices, count);
    }
    return done;
}

OPJ_BOOL OPJ_CALLCONV opj_set_decoded_resolution_factor(opj_codec_t *codec, OPJ_UINT32 factor)
{
    const OPJ_BOOL done = J2KL_REAL(opj_set_decoded_resolution_factor)(codec, factor);
    Codec *known = codecs.find(codec);
    if (done != OPJ_FALSE && known != nullptr) {
        known->settings.reduce = factor;
    }
    return done;
}

OPJ_BOOL OPJ_CALLCONV opj_decode(opj_codec_t *codec, opj_stream_t *stream, opj_image_t *image)
{
    return decoded(codec, image, [&] { return J2KL_REAL(opj_decode)(codec, active(stream), image); });
}

OPJ_BOOL OPJ_CALLCONV opj_get_decoded_tile(opj_codec_t *codec, opj_stream_t *stream, opj_image_t *image,
                                           OPJ_UINT32 tile)
{
    return decoded(codec, image,
                   [&] { return J2KL_REAL(opj_get_decoded_tile)(codec, active(stream), image, tile); });
}

OPJ_BOOL OPJ_CALLCONV opj_read_tile_header(opj_codec_t *codec, opj_stream_t *stream, OPJ_UINT32 *tile,
                                           OPJ_UINT32 *size, OPJ_INT32 *x0, OPJ_INT32 *y0, OPJ_INT32 *x1,
                                           OPJ_INT32 *y1, OPJ_UINT32 *count, OPJ_BOOL *go_on)
{
    const OPJ_BOOL done =
        J2KL_REAL(opj_read_tile_header)(codec, active(stream), tile, size, x0, y0, x1, y1, count, go_on);
    Codec *known = codecs.find(codec);
    if (done != OPJ_FALSE && go_on != nullptr && *go_on != OPJ_FALSE && known != nullptr) {
        known->tile = {*size, *x0, *y0, *x1, *y1};
    }
    return done;
}

OPJ_BOOL OPJ_CALLCONV opj_decode_tile_data(opj_codec_t *codec, OPJ_UINT32 tile, OPJ_BYTE *data,
                                           OPJ_UINT32 size, opj_stream_t *stream)
{
    const OPJ_BOOL done = J2KL_REAL(opj_decode_tile_data)(codec, tile, data, size, active(stream));
    Codec *known = codecs.find(codec);
    if (done != OPJ_FALSE && data != nullptr && known != nullptr && known->is_learned()) {
        known->fill_tile(data, size);
    }
    return done;
}

OPJ_BOOL OPJ_CALLCONV opj_end_decompress(opj_codec_t *codec, opj_stream_t *stream)
{
    return J2KL_REAL(opj_end_decompress)(codec, active(stream));
}

} // extern "C"
