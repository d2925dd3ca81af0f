// A decompressor of a program, and the learned file that it decodes, if it does.
#pragma once

#include "decoder/picture.hpp"
#include "openjp2/stream.hpp"

#include <openjpeg.h>

#include <memory>
#include <string>
#include <vector>

namespace j2kl::openjp2 {

class Codec {
public:
    // Calls the program's callback for warnings.
    void warn(const std::string &text) const;

    // Finds out what a stream holds, before OpenJPEG reads its header.
    void examine(const std::shared_ptr<Stream> &stream);
    bool is_learned() const { return picture_ != nullptr; }

    // Replaces the samples that OpenJPEG has decoded. If that is not possible, it warns and leaves them as
    // they are. `order` holds the index of every component of the image in the codestream.
    void fill(const opj_image_t &image, const std::vector<std::uint32_t> &order);
    void fill_tile(std::uint8_t *data, std::size_t size);

    opj_msg_callback warning = nullptr;
    void *warning_data = nullptr;
    std::uint32_t layers = 0, reduce = 0, threads = 1;
    std::vector<std::uint32_t> components; // empty: all

    // What opj_read_tile_header() has returned last.
    struct Tile {
        std::uint32_t size = 0;
        std::int32_t x0 = 0, y0 = 0, x1 = 0, y1 = 0;
    } tile;

private:
    void open(Stream &stream);
    bool decode(j2kl_picture_request request, const std::vector<std::int32_t *> &planes);

    std::unique_ptr<j2kl_report> report_;
    std::shared_ptr<Stream> stream_; // these two hold what the picture reads
    std::shared_ptr<void> file_;
    std::unique_ptr<picture::Picture> picture_; // null unless a learned file can be decoded
    j2kl_picture_info info_{};
};

// Whether the calling thread runs the engine: its own calls to OpenJPEG are not examined.
bool &inside();

} // namespace j2kl::openjp2
