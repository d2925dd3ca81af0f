// The real OpenJPEG, to which every call goes in the end.
#pragma once

#include <openjpeg.h>

#include <atomic>

// The public functions of OpenJPEG 2.5, as its shared library exports them.
#define J2KL_OPENJPEG_FUNCTIONS(X)                                                                           \
    X(opj_codec_set_threads)                                                                                 \
    X(opj_create_compress)                                                                                   \
    X(opj_create_decompress)                                                                                 \
    X(opj_decode)                                                                                            \
    X(opj_decode_tile_data)                                                                                  \
    X(opj_decoder_set_strict_mode)                                                                           \
    X(opj_destroy_codec)                                                                                     \
    X(opj_destroy_cstr_index)                                                                                \
    X(opj_destroy_cstr_info)                                                                                 \
    X(opj_dump_codec)                                                                                        \
    X(opj_encode)                                                                                            \
    X(opj_encoder_set_extra_options)                                                                         \
    X(opj_end_compress)                                                                                      \
    X(opj_end_decompress)                                                                                    \
    X(opj_get_cstr_index)                                                                                    \
    X(opj_get_cstr_info)                                                                                     \
    X(opj_get_decoded_tile)                                                                                  \
    X(opj_get_num_cpus)                                                                                      \
    X(opj_has_thread_support)                                                                                \
    X(opj_image_create)                                                                                      \
    X(opj_image_data_alloc)                                                                                  \
    X(opj_image_data_free)                                                                                   \
    X(opj_image_destroy)                                                                                     \
    X(opj_image_tile_create)                                                                                 \
    X(opj_read_header)                                                                                       \
    X(opj_read_tile_header)                                                                                  \
    X(opj_set_MCT)                                                                                           \
    X(opj_set_decode_area)                                                                                   \
    X(opj_set_decoded_components)                                                                            \
    X(opj_set_decoded_resolution_factor)                                                                     \
    X(opj_set_default_decoder_parameters)                                                                    \
    X(opj_set_default_encoder_parameters)                                                                    \
    X(opj_set_error_handler)                                                                                 \
    X(opj_set_info_handler)                                                                                  \
    X(opj_set_warning_handler)                                                                               \
    X(opj_setup_decoder)                                                                                     \
    X(opj_setup_encoder)                                                                                     \
    X(opj_start_compress)                                                                                    \
    X(opj_stream_create)                                                                                     \
    X(opj_stream_create_default_file_stream)                                                                 \
    X(opj_stream_create_file_stream)                                                                         \
    X(opj_stream_default_create)                                                                             \
    X(opj_stream_destroy)                                                                                    \
    X(opj_stream_set_read_function)                                                                          \
    X(opj_stream_set_seek_function)                                                                          \
    X(opj_stream_set_skip_function)                                                                          \
    X(opj_stream_set_user_data)                                                                              \
    X(opj_stream_set_user_data_length)                                                                       \
    X(opj_stream_set_write_function)                                                                         \
    X(opj_version)                                                                                           \
    X(opj_write_tile)

namespace j2kl::openjp2 {

// Looks up a function of the real library; null if it has none of this name. The first call finds and loads
// the library: the file that the environment variable J2KLEARN_OPENJP2 names; without it another OpenJPEG
// that the program has loaded, such as a bundled copy, or else that of the system. If there is none, it says
// so on stderr, and every function is null: then every call fails.
void *real_symbol(const char *name);

// The functions that have been looked up. Programs use a few of them, and small files are decoded faster than
// all are looked up.
struct Known {
#define J2KL_POINTER(name) std::atomic<decltype(&::name)> name{nullptr};
    J2KL_OPENJPEG_FUNCTIONS(J2KL_POINTER)
#undef J2KL_POINTER
};
extern Known known_functions;

template <class Function> Function looked_up(std::atomic<Function> &known, const char *name)
{
    Function function = known.load(std::memory_order_acquire);
    if (function == nullptr) {
        function = reinterpret_cast<Function>(real_symbol(name));
        known.store(function, std::memory_order_release);
    }
    return function;
}

// A function of the real library. If it is null, a call returns 0 or null.
template <class Result, class... Parameters> class Function {
public:
    explicit Function(Result (*pointer)(Parameters...)) : pointer_(pointer) {}
    Result operator()(Parameters... arguments) const
    {
        return pointer_ != nullptr ? pointer_(arguments...) : Result();
    }

private:
    Result (*pointer_)(Parameters...);
};

} // namespace j2kl::openjp2

#define J2KL_REAL(name)                                                                                      \
    ::j2kl::openjp2::Function(::j2kl::openjp2::looked_up(::j2kl::openjp2::known_functions.name, #name))
