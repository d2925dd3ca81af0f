// Targets of decoder/: learned-transform segments, model files, and the reading of whole pictures.
#include "base/failure.hpp"
#include "base/geometry.hpp"
#include "decoder/integer_model.hpp"
#include "decoder/json.hpp"
#include "decoder/model_file.hpp"
#include "decoder/segment.hpp"
#include "codestream/markers.hpp"
#include "fuzz/targets.hpp"
#include "j2kl.h"

#include <algorithm>
#include <cstring>
#include <memory>
#include <string_view>
#include <vector>

namespace j2kl::fuzz {

namespace {

template <class Body> void attempt(const Body &body)
{
    try {
        body();
    } catch (const Failure &) {
    }
}

} // namespace

// The input is a row of COM marker segments, as a main header has them.
void segment(const std::uint8_t *data, std::size_t size)
{
    std::vector<std::vector<std::uint8_t>> copies; // of the right size, for the sanitizer
    for_segments({data, size}, 0, marker::sot, [&](std::uint32_t, std::size_t, const Bytes &content) {
        if (content.size >= 2) {
            copies.emplace_back(content.data + 2, content.data + content.size);
        }
        return true;
    });
    std::vector<Bytes> comments;
    for (const auto &copy : copies) {
        comments.push_back({copy.data(), copy.size()});
    }
    attempt([&] {
        const picture::Comments read = picture::read_comments(comments);
        if (read.segment) {
            const picture::Segment &found = *read.segment;
            expect(found.noise.size() == std::size_t{found.components} * found.noise_layers * found.noise_tiles,
                   "the table of noise has its size");
            expect(found.normalisation.empty() || found.normalisation.size() == found.components,
                   "every component has a normalisation");
        }
    });
}

// What is written is read back as the same.
void json(const std::uint8_t *data, std::size_t size)
{
    attempt([&] {
        const void *const bytes = data;
        const std::string first =
            picture::parse_json({static_cast<const char *>(bytes), size}).dumped();
        try {
            expect(picture::parse_json(first).dumped() == first, "JSON is read as it was written");
        } catch (const Failure &) {
            expect(false, "JSON that was written is valid");
        }
    });
}

void model_file(const std::uint8_t *data, std::size_t size)
{
    attempt([&] {
        const picture::ModelFile file(std::vector<std::uint8_t>(data, data + size));
        file.id();
        for (const picture::Tensor &tensor : file.tensors()) {
            const Bytes bytes = file.bytes_of(tensor);
            expect(bytes.data + bytes.size <= file.bytes_of(tensor).data + size, "tensors lie in the file");
        }
        if (file.is_integer()) {
            const picture::IntegerModel model(file);
            expect(model.base_reach + model.high_radius + model.low_reach < 4096,
                   "the reach of a model is bounded");
        }
    });
}

// The last eight bytes are options, so that the first ones are those of a file.
void picture(const std::uint8_t *data, std::size_t size)
{
    if (size < 8) {
        return;
    }
    const std::uint8_t *const options = data + size - 8;
    const std::vector<std::uint8_t> file(data, options);
    const auto report = std::make_unique<j2kl_report>();
    const j2kl_reader reader = {
        const_cast<std::vector<std::uint8_t> *>(&file), file.size(),
        [](void *context, std::uint64_t offset, std::uint8_t *buffer, std::size_t count) {
            const auto &bytes = *static_cast<const std::vector<std::uint8_t> *>(context);
            const std::size_t length =
                std::min<std::size_t>({count, bytes.size() - static_cast<std::size_t>(offset), 777});
            std::memcpy(buffer, bytes.data() + offset, length);
            return static_cast<std::int64_t>(length);
        }};
    j2kl_picture *picture = nullptr;
    const int opened =
        (options[6] & 8) != 0 || file.empty()
            ? j2kl_picture_open_reader(&reader, nullptr, report.get(), &picture)
            : j2kl_picture_open(file.data(), file.size(), nullptr, report.get(), &picture);
    if (opened != J2KL_OK) {
        expect(opened == J2KL_ERROR_MEMORY || report->error[0] != '\0', "a failure says why");
        return;
    }
    j2kl_picture_info info{};
    j2kl_picture_info_of(picture, &info);
    j2kl_picture_request request{};
    request.reduce = options[0] & 7;
    request.layers = options[1] & 7;
    request.max_pixels = 1U << 14;
    request.draft = (options[6] & 4) != 0 ? 1 : 0;
    if ((options[6] & 1) != 0) {
        request.x0 = info.x0 + options[2];
        request.y0 = info.y0 + options[3];
        request.x1 = request.x0 + 1 + options[4];
        request.y1 = request.y0 + 1 + options[5];
    }
    const std::uint32_t list[] = {options[7] & 3U};
    if ((options[6] & 2) != 0) {
        request.component_count = 1;
        request.component_list = list;
    }
    j2kl_rect area{};
    if (j2kl_picture_area(picture, &request, &area) == J2KL_OK) {
        const std::uint64_t samples = static_cast<std::uint64_t>(area.y1 - area.y0) *
                                      static_cast<std::uint64_t>(area.x1 - area.x0);
        const std::size_t count = request.component_count > 0 ? 1 : info.components;
        // A picture over the limit is refused before it writes a sample.
        const std::size_t room = samples <= request.max_pixels ? static_cast<std::size_t>(samples) : 0;
        std::vector<std::vector<std::int32_t>> planes(count, std::vector<std::int32_t>(room + 1));
        std::vector<std::int32_t *> pointers;
        for (auto &plane : planes) {
            pointers.push_back(plane.data());
        }
        j2kl_picture_decode(picture, &request, pointers.data());
    }
    const Rect whole = {info.x0, info.y0, info.x1, info.y1};
    const TileGrid tiles{whole, info.tile_x0, info.tile_y0, info.tile_width, info.tile_height};
    const std::uint64_t codes = tiles.count() * info.layers * info.components;
    if ((options[6] & 16) != 0 && whole.size() * info.components <= request.max_pixels && codes <= request.max_pixels) {
        std::vector<std::uint8_t> noise(static_cast<std::size_t>(codes));
        j2kl_picture_noise(picture, 1, noise.data());
    }
    j2kl_picture_free(picture);
}

} // namespace j2kl::fuzz
