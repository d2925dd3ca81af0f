#include "openjp2/codec.hpp"

#include "base/failure.hpp"
#include "codestream/carrier.hpp"
#include "codestream/half_steps.hpp"
#include "decoder/beside.hpp"
#include "decoder/digest.hpp"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <iterator>
#include <new>

namespace j2kl::openjp2 {

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

class Inside {
public:
    Inside() : before_(inside()) { inside() = true; }
    Inside(const Inside &) = delete;
    Inside &operator=(const Inside &) = delete;
    ~Inside() { inside() = before_; }

private:
    bool before_;
};

std::int64_t read_file(void *file, std::uint64_t offset, std::uint8_t *buffer, std::size_t count)
{
    auto *stream = static_cast<std::FILE *>(file);
    if (fseeko(stream, static_cast<off_t>(offset), SEEK_SET) != 0) {
        return -1;
    }
    const std::size_t got = std::fread(buffer, 1, count, stream);
    return got == 0 && std::ferror(stream) != 0 ? -1 : static_cast<std::int64_t>(got);
}

std::int64_t read_start(void *context, std::uint64_t offset, std::uint8_t *buffer, std::size_t count)
{
    Stream &stream = *static_cast<Stream *>(context);
    constexpr std::uint64_t most = std::uint64_t{1} << 26;
    if (offset > most) {
        return 0;
    }
    const auto start = static_cast<std::size_t>(offset);
    const std::size_t end = stream.have(start + count);
    if (end <= start) {
        return 0;
    }
    std::memcpy(buffer, stream.bytes().data() + start, end - start);
    return static_cast<std::int64_t>(end - start);
}

// Whether a stream has the main header that half_step_header() or carrier_header() writes.
bool holds_a_carrier(Stream &stream)
{
    constexpr std::size_t at = 42; // SOC, and SIZ up to Csiz
    if (!stream.file.empty() || stream.have(at + 1) <= at || stream.bytes()[1] != 0x4f) {
        return false;
    }
    const std::uint8_t ssiz = stream.bytes()[at];
    return ssiz == (0x80U | (half_step_precision - 1)) || ssiz == carrier_ssiz;
}

} // namespace

bool &inside()
{
    thread_local bool value = false;
    return value;
}

void Codec::warn(const std::string &text) const
{
    if (warning != nullptr) {
        warning(("j2klearn: " + text + "\n").c_str(), warning_data);
    }
}

// Opens the file as a learned one; throws Failure if it is none of any kind.
void Codec::open(Stream &stream)
{
    report_ = std::make_unique<j2kl_report>();
    if (!stream.file.empty()) {
        std::FILE *file = std::fopen(stream.file.c_str(), "rb");
        if (file == nullptr) {
            return;
        }
        file_ =
            std::shared_ptr<void>(file, [](void *opened) { std::fclose(static_cast<std::FILE *>(opened)); });
        const bool sized = fseeko(file, 0, SEEK_END) == 0;
        const off_t size = sized ? ftello(file) : -1;
        if (size > 0) {
            const j2kl_reader reader = {file, static_cast<std::uint64_t>(size), read_file};
            picture_ = std::make_unique<picture::Picture>(picture::Source(reader), &models(), report_.get());
        }
        return;
    }
    if (stream.read == nullptr || !stream.replay()) {
        return;
    }
    // A file whose size is not known may be as large as it likes: only its main header is read.
    const std::uint64_t size = stream.length > 0 ? stream.length : std::uint64_t{1} << 62;
    const j2kl_reader reader = {&stream, size, read_start};
    picture_ = std::make_unique<picture::Picture>(picture::Source(reader), &models(), report_.get());
    if (picture_->info().learned != 0) {
        picture_.reset();
        stream.have(SIZE_MAX);
        const std::vector<std::uint8_t> &bytes = stream.bytes();
        picture_ = std::make_unique<picture::Picture>(picture::Source(bytes.data(), bytes.size()), &models(),
                                                      report_.get());
    }
}

void Codec::examine(const std::shared_ptr<Stream> &stream)
{
    const Inside guard;
    picture_.reset();
    file_.reset();
    stream_ = stream;
    try {
        open(*stream);
    } catch (const Failure &failure) {
        // OpenJPEG says what is wrong with a file; about the segment it knows nothing. The native library of
        // j2klearn itself, if this program uses it, decodes the carriers of learned files, and needs no
        // warning.
        const bool known = failure.code() != J2KL_ERROR_OPENJPEG && failure.code() != J2KL_ERROR_LIMIT;
        if (known && !holds_a_carrier(*stream)) {
            warn(std::string(failure.what()) + ": the picture is decoded without the learned steps");
        }
        picture_.reset();
        return;
    } catch (const std::bad_alloc &) {
        picture_.reset();
        return;
    }
    if (!picture_) {
        return;
    }
    info_ = picture_->info();
    if (info_.learned == 0) {
        picture_.reset();
        file_.reset();
        return;
    }
    const auto approximate = [&](const std::string &why) {
        warn(why + ": the picture is decoded without the learned steps");
        picture_.reset();
    };
    const std::string name = info_.model_name;
    if (info_.model == J2KL_MODEL_MISSING) {
        picture::Id id;
        std::copy(std::begin(info_.model_id), std::end(info_.model_id), id.begin());
        approximate("this file needs the model with id " + picture::hexadecimal(id) +
                    ", which is not installed");
    } else if (info_.model == J2KL_MODEL_FLOAT) {
        approximate("the model " + name + " needs PyTorch");
    } else if (info_.dequantiser == J2KL_DEQUANTISER_FLOAT) {
        warn("the network for de-quantisation of the model " + name + " needs PyTorch: it is left out");
    }
}

bool Codec::decode(j2kl_picture_request request, const std::vector<std::int32_t *> &planes)
{
    request.layers = layers;
    request.threads = threads;
    request.draft = info_.dequantiser == J2KL_DEQUANTISER_FLOAT ? 1 : 0;
    std::string why;
    try {
        const Inside guard;
        picture_->decode(request, planes.data());
        return true;
    } catch (const Failure &failure) {
        why = *failure.what() != '\0' ? failure.what() : report_->error;
    } catch (const std::bad_alloc &) {
        why = "memory ran out";
    }
    warn(why + ": the picture is decoded without the learned steps");
    return false;
}

void Codec::fill(const opj_image_t &image, const std::vector<std::uint32_t> &order)
{
    const std::size_t count = components.empty() ? info_.components : components.size();
    bool fits = image.numcomps == count && order.size() == count;
    j2kl_picture_request request{};
    request.x0 = image.x0;
    request.y0 = image.y0;
    request.x1 = image.x1;
    request.y1 = image.y1;
    request.reduce = fits ? image.comps[0].factor : 0;
    request.component_count = static_cast<std::uint32_t>(components.size());
    request.component_list = components.data();
    // The planes come in the order of the request: all components, or those that the program has chosen.
    std::vector<std::int32_t *> planes(count);
    try {
        const Rect area = picture_->area(request);
        for (std::size_t i = 0; fits && i < count; ++i) {
            const opj_image_comp_t &component = image.comps[i];
            fits = component.data != nullptr && component.factor == request.reduce &&
                   component.w == area.width() && component.h == area.height() &&
                   component.prec == info_.precision;
            const auto place = components.empty()
                                   ? static_cast<std::size_t>(order[i])
                                   : static_cast<std::size_t>(
                                         std::find(components.begin(), components.end(), order[i]) -
                                         components.begin());
            fits = fits && place < count && planes[place] == nullptr;
            if (fits) {
                planes[place] = component.data;
            }
        }
    } catch (const Failure &) {
        fits = false;
    }
    if (!fits) {
        warn("OpenJPEG has decoded other components than the learned transform has: they are left as they "
             "are");
        return;
    }
    decode(request, planes);
}

void Codec::fill_tile(std::uint8_t *data, std::size_t size)
{
    const std::size_t bytes = info_.precision <= 8 ? 1 : info_.precision <= 16 ? 2 : 4;
    j2kl_picture_request request{};
    request.x0 = static_cast<std::uint32_t>(tile.x0);
    request.y0 = static_cast<std::uint32_t>(tile.y0);
    request.x1 = static_cast<std::uint32_t>(tile.x1);
    request.y1 = static_cast<std::uint32_t>(tile.y1);
    request.reduce = reduce;
    std::vector<std::vector<std::int32_t>> planes;
    std::vector<std::int32_t *> pointers;
    bool fits = components.empty() && tile.x0 >= 0 && tile.y0 >= 0;
    try {
        const auto samples = fits ? static_cast<std::size_t>(picture_->area(request).size()) : 0;
        fits = fits && tile.size == samples * info_.components * bytes && size >= tile.size;
        for (std::uint32_t i = 0; fits && i < info_.components; ++i) {
            planes.emplace_back(samples);
            pointers.push_back(planes.back().data());
        }
    } catch (const Failure &) {
        fits = false;
    }
    if (!fits) {
        warn("a tile cannot be decoded in this way: it is decoded without the learned steps");
        return;
    }
    if (!decode(request, pointers)) {
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

} // namespace j2kl::openjp2
