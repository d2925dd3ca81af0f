// RAII owners of OpenJPEG's objects.
#pragma once

#include "base/failure.hpp"
#include "base/geometry.hpp"
#include "base/report.hpp"

#include <openjpeg.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>

namespace j2kl {

struct Deleter {
    void operator()(opj_codec_t *codec) const { opj_destroy_codec(codec); }
    void operator()(opj_image_t *image) const { opj_image_destroy(image); }
    void operator()(std::int32_t *data) const { opj_image_data_free(data); }
    void operator()(opj_codestream_info_v2_t *info) const { opj_destroy_cstr_info(&info); }
};

using Image = std::unique_ptr<opj_image_t, Deleter>;
using ImageData = std::unique_ptr<std::int32_t, Deleter>;
using CodestreamInfo = std::unique_ptr<opj_codestream_info_v2_t, Deleter>;

class Codec {
public:
    Codec(opj_codec_t *codec, Reporter &reporter) : codec_(codec)
    {
        if (!codec_) {
            throw std::bad_alloc();
        }
        opj_set_info_handler(codec, Reporter::on_info, &reporter);
        opj_set_warning_handler(codec, Reporter::on_warning, &reporter);
        opj_set_error_handler(codec, Reporter::on_error, &reporter);
    }

    opj_codec_t *get() const { return codec_.get(); }

    // Called even for one thread: otherwise OpenJPEG reads the environment variable OPJ_NUM_THREADS.
    void set_threads(std::uint32_t threads) const
    {
        constexpr std::uint32_t most = 256;
        opj_codec_set_threads(codec_.get(), threads > 1 ? static_cast<int>(std::min(threads, most)) : 0);
    }

private:
    std::unique_ptr<opj_codec_t, Deleter> codec_;
};

// How many of some threads OpenJPEG is to use: one if the tiles are small. Its threads wait for each other at every tile
// and every resolution: with tiles of 32 x 32 samples, two threads encode in one and a half of the time of one, and
// decode in twice that time, or in ten times if the tiles are not in the file.
inline std::uint32_t useful_threads(std::uint32_t threads, const TileGrid &tiles, std::uint32_t reduce)
{
    constexpr std::uint64_t few_samples = 1 << 13;
    const std::uint64_t across = std::min(tiles.width, tiles.image.width());
    const std::uint64_t samples = across * std::min(tiles.height, tiles.image.height());
    const bool small = tiles.count() > 1 && samples >> 2 * std::min(reduce, 31U) < few_samples;
    return small ? 1 : threads;
}

// Throws Failure unless `success`. `text` is used if OpenJPEG has reported no error of its own.
inline void require_openjpeg(bool success, const Reporter &reporter, const char *text)
{
    if (!success) {
        throw Failure(J2KL_ERROR_OPENJPEG, reporter.has_error() ? "" : text);
    }
}

inline ImageData allocate_plane(std::uint64_t samples)
{
    if (samples > SIZE_MAX / sizeof(std::int32_t)) {
        throw std::bad_alloc();
    }
    ImageData data(static_cast<std::int32_t *>(
        opj_image_data_alloc(static_cast<std::size_t>(samples) * sizeof(std::int32_t))));
    if (!data) {
        throw std::bad_alloc();
    }
    return data;
}

} // namespace j2kl
