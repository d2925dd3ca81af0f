// What the library in the place of OpenJPEG's and its engine know of each other. The engine is a library of
// its own, which lies beside, and is loaded when a program reads its first learned file.
#pragma once

#include <openjpeg.h>

#include <cstddef>
#include <cstdint>

namespace j2kl::openjp2 {

inline constexpr char engine_file[] = "libj2kl_openjp2.so", engine_entry[] = "j2kl_openjp2_engine";

// Both libraries come from one build. A folder in which they do not is found out by this number.
inline constexpr std::uint32_t engine_version = 1;

// A file: its name, or its bytes, which must outlive the picture.
struct Input {
    const char *file; // null: the bytes
    const std::uint8_t *data;
    std::size_t size;
};

// What a program has asked of a decompressor.
struct Settings {
    opj_msg_callback warning = nullptr;
    void *warning_data = nullptr;
    std::uint32_t layers = 0, reduce = 0, threads = 1;
    const std::uint32_t *components = nullptr;
    std::uint32_t component_count = 0; // 0: all
};

// What opj_read_tile_header() has returned.
struct Tile {
    std::uint32_t size = 0;
    std::int32_t x0 = 0, y0 = 0, x1 = 0, y1 = 0;
};

struct Picture;

// No function throws. Where the learned steps cannot be undone, the program's callback for warnings gets a
// sentence, and the samples stay what they are.
struct Engine {
    std::uint32_t version;
    // Opens a learned file; null if its learned steps cannot be undone.
    Picture *(*open)(const Input &input, const Settings &settings);
    void (*close)(Picture *picture);
    // Replaces the samples that OpenJPEG has decoded. `order` holds the index in the codestream of every
    // component of the image.
    void (*fill)(Picture &picture, const Settings &settings, const opj_image_t &image,
                 const std::uint32_t *order);
    void (*fill_tile)(Picture &picture, const Settings &settings, const Tile &tile, std::uint8_t *data,
                      std::size_t size);
};

// A function of the real OpenJPEG; null if it has none of this name.
using Symbol = void *(*)(const char *name);

// The function that the engine exports.
using EngineEntry = const Engine *(*)(Symbol symbol);

} // namespace j2kl::openjp2
