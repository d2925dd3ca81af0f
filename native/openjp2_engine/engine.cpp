// Decodes learned files for the library in the place of OpenJPEG's.
#include "openjp2/engine.hpp"

#include "base/failure.hpp"
#include "decoder/beside.hpp"
#include "decoder/digest.hpp"
#include "decoder/picture.hpp"
#include "openjp2_engine/calls.hpp"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <iterator>
#include <memory>
#include <string>
#include <vector>

namespace j2kl::openjp2 {

// An open file, and what it reads.
struct Picture {
    std::unique_ptr<j2kl_report> report = std::make_unique<j2kl_report>();
    std::shared_ptr<void> file;
    std::unique_ptr<picture::Picture> picture;
    j2kl_picture_info info{};
};

namespace {

// The models that files may name: those of the folders in the environment variable J2KLEARN_MODELS, separated
// by colons, and those beside the library.
const picture::Models &models()
{
    static const picture::Models *known = [] {
        auto *result = new picture::Models; // never freed: threads may run until the process ends
        if (const char *named = std::getenv("J2KLEARN_MODELS"); named != nullptr) {
            const std::string folders = named;
            for (std::size_t at = 0; at < folders.size();) {
                const std::size_t end = std::min(folders.find(':', at), folders.size());
                if (end > at) {
                    result->add_folder(folders.substr(at, end - at));
                }
                at = end + 1;
            }
        }
        result->add_folder("");
        if (const std::string own = picture::library_folder(); !own.empty()) {
            result->add_folder(own + "/../../models"); // in the Python package
        }
        return result;
    }();
    return *known;
}

std::int64_t read_file(void *file, std::uint64_t offset, std::uint8_t *buffer, std::size_t count)
{
    auto *stream = static_cast<std::FILE *>(file);
    if (fseeko(stream, static_cast<off_t>(offset), SEEK_SET) != 0) {
        return -1;
    }
    const std::size_t got = std::fread(buffer, 1, count, stream);
    return got == 0 && std::ferror(stream) != 0 ? -1 : static_cast<std::int64_t>(got);
}

void warn(const Settings &settings, const std::string &text)
{
    if (settings.warning != nullptr) {
        settings.warning(("j2klearn: " + text + "\n").c_str(), settings.warning_data);
    }
}

void leave(const Settings &settings, const std::string &why)
{
    warn(settings, why + ": the picture is decoded without the learned steps");
}

// Needs no memory, and does not throw.
void ran_out(const Settings &settings) noexcept
{
    if (settings.warning != nullptr) {
        settings.warning("j2klearn: memory ran out: the picture is decoded without the learned steps\n",
                         settings.warning_data);
    }
}

// Opens a file; throws Failure if it cannot be decoded.
std::unique_ptr<Picture> opened(const Input &input)
{
    auto result = std::make_unique<Picture>();
    if (input.file == nullptr) {
        result->picture = std::make_unique<picture::Picture>(picture::Source(input.data, input.size),
                                                             &models(), result->report.get());
        return result;
    }
    std::FILE *file = std::fopen(input.file, "rb");
    if (file == nullptr) {
        return nullptr;
    }
    result->file =
        std::shared_ptr<void>(file, [](void *stream) { std::fclose(static_cast<std::FILE *>(stream)); });
    const bool sized = fseeko(file, 0, SEEK_END) == 0;
    const off_t size = sized ? ftello(file) : -1;
    if (size <= 0) {
        return nullptr;
    }
    const j2kl_reader reader = {file, static_cast<std::uint64_t>(size), read_file};
    result->picture =
        std::make_unique<picture::Picture>(picture::Source(reader), &models(), result->report.get());
    return result;
}

// Whether the learned steps of a file can be undone; if not, a warning says why.
bool is_decodable(const Picture &picture, const Settings &settings)
{
    const j2kl_picture_info &info = picture.info;
    const std::string name = info.model_name;
    if (info.learned == 0) {
        return false;
    }
    if (info.model == J2KL_MODEL_MISSING) {
        picture::Id id;
        std::copy(std::begin(info.model_id), std::end(info.model_id), id.begin());
        leave(settings,
              "this file needs the model with id " + picture::hexadecimal(id) + ", which is not installed");
        return false;
    }
    if (info.model == J2KL_MODEL_FLOAT) {
        leave(settings, "the model " + name + " needs PyTorch");
        return false;
    }
    if (info.dequantiser == J2KL_DEQUANTISER_FLOAT) {
        warn(settings,
             "the network for de-quantisation of the model " + name + " needs PyTorch: it is left out");
    }
    return true;
}

Picture *open(const Input &input, const Settings &settings)
{
    try {
        std::unique_ptr<Picture> result = opened(input);
        if (result == nullptr) {
            return nullptr;
        }
        result->info = result->picture->info();
        return is_decodable(*result, settings) ? result.release() : nullptr;
    } catch (const Failure &failure) {
        // OpenJPEG says what is wrong with a file; about the segment it knows nothing.
        if (failure.code() != J2KL_ERROR_OPENJPEG && failure.code() != J2KL_ERROR_LIMIT) {
            leave(settings, failure.what());
        }
    } catch (const std::exception &) {
        ran_out(settings);
    }
    return nullptr;
}

void close(Picture *picture)
{
    delete picture;
}

bool decode(Picture &picture, const Settings &settings, j2kl_picture_request request,
            const std::vector<std::int32_t *> &planes)
{
    request.layers = settings.layers;
    request.threads = settings.threads;
    request.draft = picture.info.dequantiser == J2KL_DEQUANTISER_FLOAT ? 1 : 0;
    std::string why;
    try {
        picture.picture->decode(request, planes.data());
        return true;
    } catch (const Failure &failure) {
        why = *failure.what() != '\0' ? failure.what() : picture.report->error;
    }
    leave(settings, why);
    return false;
}

void fill_image(Picture &picture, const Settings &settings, const opj_image_t &image,
                const std::uint32_t *order)
{
    const std::size_t count =
        settings.component_count == 0 ? picture.info.components : settings.component_count;
    bool fits = image.numcomps == count;
    j2kl_picture_request request{};
    request.x0 = image.x0;
    request.y0 = image.y0;
    request.x1 = image.x1;
    request.y1 = image.y1;
    request.reduce = fits ? image.comps[0].factor : 0;
    request.component_count = settings.component_count;
    request.component_list = settings.components;
    // The planes come in the order of the request: all components, or those that the program has chosen.
    std::vector<std::int32_t *> planes(count);
    try {
        const Rect area = picture.picture->area(request);
        for (std::size_t i = 0; fits && i < count; ++i) {
            const opj_image_comp_t &component = image.comps[i];
            fits = component.data != nullptr && component.factor == request.reduce &&
                   component.w == area.width() && component.h == area.height() &&
                   component.prec == picture.info.precision;
            const std::uint32_t *chosen = settings.components;
            const auto place =
                chosen == nullptr
                    ? static_cast<std::size_t>(order[i])
                    : static_cast<std::size_t>(std::find(chosen, chosen + count, order[i]) - chosen);
            fits = fits && place < count && planes[place] == nullptr;
            if (fits) {
                planes[place] = component.data;
            }
        }
    } catch (const Failure &) {
        fits = false;
    }
    if (!fits) {
        warn(settings, "OpenJPEG has decoded other components than the learned transform has: they are left "
                       "as they are");
        return;
    }
    decode(picture, settings, request, planes);
}

void fill_bytes(Picture &picture, const Settings &settings, const Tile &tile, std::uint8_t *data,
                std::size_t size)
{
    const std::size_t bytes = picture.info.precision <= 8 ? 1 : picture.info.precision <= 16 ? 2 : 4;
    j2kl_picture_request request{};
    request.x0 = static_cast<std::uint32_t>(tile.x0);
    request.y0 = static_cast<std::uint32_t>(tile.y0);
    request.x1 = static_cast<std::uint32_t>(tile.x1);
    request.y1 = static_cast<std::uint32_t>(tile.y1);
    request.reduce = settings.reduce;
    std::vector<std::vector<std::int32_t>> planes;
    std::vector<std::int32_t *> pointers;
    bool fits = settings.component_count == 0 && tile.x0 >= 0 && tile.y0 >= 0;
    try {
        const auto samples = fits ? static_cast<std::size_t>(picture.picture->area(request).size()) : 0;
        fits = fits && tile.size == samples * picture.info.components * bytes && size >= tile.size;
        for (std::uint32_t i = 0; fits && i < picture.info.components; ++i) {
            planes.emplace_back(samples);
            pointers.push_back(planes.back().data());
        }
    } catch (const Failure &) {
        fits = false;
    }
    if (!fits) {
        warn(settings, "a tile cannot be decoded in this way: it is decoded without the learned steps");
        return;
    }
    if (!decode(picture, settings, request, pointers)) {
        return;
    }
    for (const std::vector<std::int32_t> &plane : planes) {
        for (const std::int32_t sample : plane) {
            if (bytes == 1) {
                *data = static_cast<std::uint8_t>(sample);
            } else if (bytes == 2) {
                const auto wide = static_cast<std::uint16_t>(sample);
                std::memcpy(data, &wide, sizeof wide);
            } else {
                std::memcpy(data, &sample, sizeof sample);
            }
            data += bytes;
        }
    }
}

// Runs a body that must not throw into a program in C.
template <class Body> void guarded(const Settings &settings, const Body &body)
{
    try {
        body();
    } catch (const std::exception &) {
        ran_out(settings);
    }
}

void fill(Picture &picture, const Settings &settings, const opj_image_t &image, const std::uint32_t *order)
{
    guarded(settings, [&] { fill_image(picture, settings, image, order); });
}

void fill_tile(Picture &picture, const Settings &settings, const Tile &tile, std::uint8_t *data,
               std::size_t size)
{
    guarded(settings, [&] { fill_bytes(picture, settings, tile, data, size); });
}

} // namespace

} // namespace j2kl::openjp2

extern "C" __attribute__((visibility("default"))) const j2kl::openjp2::Engine *
j2kl_openjp2_engine(j2kl::openjp2::Symbol symbol)
{
    using namespace j2kl::openjp2;
    static const Engine engine = {engine_version, open, close, fill, fill_tile};
    set_symbol(symbol);
    return &engine;
}
