// A decompressor of a program, and the learned file that it decodes, if it does.
#pragma once

#include "openjp2/engine.hpp"
#include "openjp2/memory.hpp"
#include "openjp2/registry.hpp"
#include "openjp2/stream.hpp"

#include <openjpeg.h>

#include <cstdint>

namespace j2kl::openjp2 {

class Codec : public Allocated, public Entry<Codec> {
public:
    Codec() = default;
    Codec(const Codec &) = delete;
    Codec &operator=(const Codec &) = delete;
    ~Codec() { forget(); }

    // Finds out what a stream holds, before OpenJPEG reads its header.
    void examine(Stream &stream);
    bool is_learned() const { return picture_ != nullptr; }
    // What opj_set_decoded_components() has been told.
    void choose(const std::uint32_t *indices, std::uint32_t count);

    // Replace the samples that OpenJPEG has decoded.
    void fill(const opj_image_t &image, const std::uint32_t *order);
    void fill_tile(std::uint8_t *data, std::size_t size);

    Settings settings;
    Tile tile; // what opj_read_tile_header() has returned last

private:
    void forget();

    Numbers components_;
    Picture *picture_ = nullptr; // null unless a learned file can be decoded
    Start *bytes_ = nullptr;     // what the picture reads, if it is no file with a name
};

} // namespace j2kl::openjp2
