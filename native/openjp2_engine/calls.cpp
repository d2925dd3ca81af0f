// The functions of OpenJPEG that the engine calls. Each one is found when it is first called: the engine is
// linked with no OpenJPEG, since the program, or the library in the place of OpenJPEG's, has one.
#include "openjp2_engine/calls.hpp"

#include <openjpeg.h>

namespace {

j2kl::openjp2::Symbol find = nullptr;

// A function that the real library may lack: then a call returns 0 or null.
template <class Result, class... Parameters, class... Arguments>
Result call(Result (*function)(Parameters...), Arguments... arguments)
{
    return function != nullptr ? function(arguments...) : Result();
}

} // namespace

void j2kl::openjp2::set_symbol(Symbol symbol)
{
    find = symbol;
}

// The function of the real library.
#define J2KL_FOUND(name) static const auto found = reinterpret_cast<decltype(&::name)>(find(#name))

extern "C" {

OPJ_BOOL OPJ_CALLCONV opj_codec_set_threads(opj_codec_t *codec, int threads)
{
    J2KL_FOUND(opj_codec_set_threads);
    return call(found, codec, threads);
}

opj_codec_t *OPJ_CALLCONV opj_create_compress(OPJ_CODEC_FORMAT format)
{
    J2KL_FOUND(opj_create_compress);
    return call(found, format);
}

opj_codec_t *OPJ_CALLCONV opj_create_decompress(OPJ_CODEC_FORMAT format)
{
    J2KL_FOUND(opj_create_decompress);
    return call(found, format);
}

OPJ_BOOL OPJ_CALLCONV opj_decode(opj_codec_t *codec, opj_stream_t *stream, opj_image_t *image)
{
    J2KL_FOUND(opj_decode);
    return call(found, codec, stream, image);
}

OPJ_BOOL OPJ_CALLCONV opj_decoder_set_strict_mode(opj_codec_t *codec, OPJ_BOOL strict)
{
    J2KL_FOUND(opj_decoder_set_strict_mode);
    return call(found, codec, strict);
}

void OPJ_CALLCONV opj_destroy_codec(opj_codec_t *codec)
{
    J2KL_FOUND(opj_destroy_codec);
    return call(found, codec);
}

void OPJ_CALLCONV opj_destroy_cstr_info(opj_codestream_info_v2_t **info)
{
    J2KL_FOUND(opj_destroy_cstr_info);
    return call(found, info);
}

OPJ_BOOL OPJ_CALLCONV opj_encode(opj_codec_t *codec, opj_stream_t *stream)
{
    J2KL_FOUND(opj_encode);
    return call(found, codec, stream);
}

OPJ_BOOL OPJ_CALLCONV opj_encoder_set_extra_options(opj_codec_t *codec, const char *const *options)
{
    J2KL_FOUND(opj_encoder_set_extra_options);
    return call(found, codec, options);
}

OPJ_BOOL OPJ_CALLCONV opj_end_compress(opj_codec_t *codec, opj_stream_t *stream)
{
    J2KL_FOUND(opj_end_compress);
    return call(found, codec, stream);
}

OPJ_BOOL OPJ_CALLCONV opj_end_decompress(opj_codec_t *codec, opj_stream_t *stream)
{
    J2KL_FOUND(opj_end_decompress);
    return call(found, codec, stream);
}

opj_codestream_info_v2_t *OPJ_CALLCONV opj_get_cstr_info(opj_codec_t *codec)
{
    J2KL_FOUND(opj_get_cstr_info);
    return call(found, codec);
}

void *OPJ_CALLCONV opj_image_data_alloc(OPJ_SIZE_T size)
{
    J2KL_FOUND(opj_image_data_alloc);
    return call(found, size);
}

void OPJ_CALLCONV opj_image_data_free(void *data)
{
    J2KL_FOUND(opj_image_data_free);
    return call(found, data);
}

void OPJ_CALLCONV opj_image_destroy(opj_image_t *image)
{
    J2KL_FOUND(opj_image_destroy);
    return call(found, image);
}

opj_image_t *OPJ_CALLCONV opj_image_tile_create(OPJ_UINT32 count, opj_image_cmptparm_t *parameters,
                                                OPJ_COLOR_SPACE space)
{
    J2KL_FOUND(opj_image_tile_create);
    return call(found, count, parameters, space);
}

OPJ_BOOL OPJ_CALLCONV opj_read_header(opj_stream_t *stream, opj_codec_t *codec, opj_image_t **image)
{
    J2KL_FOUND(opj_read_header);
    return call(found, stream, codec, image);
}

OPJ_BOOL OPJ_CALLCONV opj_set_decode_area(opj_codec_t *codec, opj_image_t *image, OPJ_INT32 x0, OPJ_INT32 y0,
                                          OPJ_INT32 x1, OPJ_INT32 y1)
{
    J2KL_FOUND(opj_set_decode_area);
    return call(found, codec, image, x0, y0, x1, y1);
}

OPJ_BOOL OPJ_CALLCONV opj_set_decoded_components(opj_codec_t *codec, OPJ_UINT32 count,
                                                 const OPJ_UINT32 *indices, OPJ_BOOL transforms)
{
    J2KL_FOUND(opj_set_decoded_components);
    return call(found, codec, count, indices, transforms);
}

void OPJ_CALLCONV opj_set_default_decoder_parameters(opj_dparameters_t *parameters)
{
    J2KL_FOUND(opj_set_default_decoder_parameters);
    return call(found, parameters);
}

void OPJ_CALLCONV opj_set_default_encoder_parameters(opj_cparameters_t *parameters)
{
    J2KL_FOUND(opj_set_default_encoder_parameters);
    return call(found, parameters);
}

OPJ_BOOL OPJ_CALLCONV opj_set_error_handler(opj_codec_t *codec, opj_msg_callback callback, void *data)
{
    J2KL_FOUND(opj_set_error_handler);
    return call(found, codec, callback, data);
}

OPJ_BOOL OPJ_CALLCONV opj_set_info_handler(opj_codec_t *codec, opj_msg_callback callback, void *data)
{
    J2KL_FOUND(opj_set_info_handler);
    return call(found, codec, callback, data);
}

OPJ_BOOL OPJ_CALLCONV opj_set_warning_handler(opj_codec_t *codec, opj_msg_callback callback, void *data)
{
    J2KL_FOUND(opj_set_warning_handler);
    return call(found, codec, callback, data);
}

OPJ_BOOL OPJ_CALLCONV opj_setup_decoder(opj_codec_t *codec, opj_dparameters_t *parameters)
{
    J2KL_FOUND(opj_setup_decoder);
    return call(found, codec, parameters);
}

OPJ_BOOL OPJ_CALLCONV opj_setup_encoder(opj_codec_t *codec, opj_cparameters_t *parameters, opj_image_t *image)
{
    J2KL_FOUND(opj_setup_encoder);
    return call(found, codec, parameters, image);
}

OPJ_BOOL OPJ_CALLCONV opj_start_compress(opj_codec_t *codec, opj_image_t *image, opj_stream_t *stream)
{
    J2KL_FOUND(opj_start_compress);
    return call(found, codec, image, stream);
}

opj_stream_t *OPJ_CALLCONV opj_stream_create(OPJ_SIZE_T buffer_size, OPJ_BOOL input)
{
    J2KL_FOUND(opj_stream_create);
    return call(found, buffer_size, input);
}

void OPJ_CALLCONV opj_stream_destroy(opj_stream_t *stream)
{
    J2KL_FOUND(opj_stream_destroy);
    return call(found, stream);
}

void OPJ_CALLCONV opj_stream_set_read_function(opj_stream_t *stream, opj_stream_read_fn function)
{
    J2KL_FOUND(opj_stream_set_read_function);
    return call(found, stream, function);
}

void OPJ_CALLCONV opj_stream_set_seek_function(opj_stream_t *stream, opj_stream_seek_fn function)
{
    J2KL_FOUND(opj_stream_set_seek_function);
    return call(found, stream, function);
}

void OPJ_CALLCONV opj_stream_set_skip_function(opj_stream_t *stream, opj_stream_skip_fn function)
{
    J2KL_FOUND(opj_stream_set_skip_function);
    return call(found, stream, function);
}

void OPJ_CALLCONV opj_stream_set_user_data(opj_stream_t *stream, void *data,
                                           opj_stream_free_user_data_fn function)
{
    J2KL_FOUND(opj_stream_set_user_data);
    return call(found, stream, data, function);
}

void OPJ_CALLCONV opj_stream_set_user_data_length(opj_stream_t *stream, OPJ_UINT64 length)
{
    J2KL_FOUND(opj_stream_set_user_data_length);
    return call(found, stream, length);
}

void OPJ_CALLCONV opj_stream_set_write_function(opj_stream_t *stream, opj_stream_write_fn function)
{
    J2KL_FOUND(opj_stream_set_write_function);
    return call(found, stream, function);
}

const char *OPJ_CALLCONV opj_version(void)
{
    J2KL_FOUND(opj_version);
    return call(found);
}

} // extern "C"
