#include "openjp2/codec.hpp"

#include "codestream/carrier.hpp"
#include "codestream/half_steps.hpp"
#include "openjp2/detection.hpp"
#include "openjp2/loader.hpp"

#include <algorithm>
#include <cstdint>
#include <cstdio>

namespace j2kl::openjp2 {

namespace {

// Whether a stream has the main header that half_step_header() or carrier_header() writes. The native library
// of j2klearn itself, if this program uses it, decodes the carriers of learned files.
bool holds_carrier(Stream &stream)
{
    constexpr std::size_t at = 42; // SOC, and SIZ up to Csiz
    if (stream.have(at + 1) <= at || stream.bytes().data()[1] != 0x4f) {
        return false;
    }
    const std::uint8_t ssiz = stream.bytes().data()[at];
    return ssiz == (0x80U | (half_step_precision - 1)) || ssiz == carrier_ssiz;
}

} // namespace

void Codec::forget()
{
    if (picture_ != nullptr) {
        engine(settings)->close(picture_);
        picture_ = nullptr;
    }
    Start::release(bytes_);
    bytes_ = nullptr;
}

void Codec::examine(Stream &stream)
{
    forget();
    Input input = {stream.file(), nullptr, 0};
    if (input.file != nullptr) {
        if (!holds_learned_file(input.file)) {
            return;
        }
    } else {
        if (stream.read == nullptr || !stream.replay() || !holds_learned_file(stream) ||
            holds_carrier(stream)) {
            return;
        }
        stream.have(SIZE_MAX);
        bytes_ = stream.bytes().share();
        input.data = bytes_->data();
        input.size = bytes_->size();
    }
    if (const Engine *loaded = engine(settings)) {
        picture_ = loaded->open(input, settings);
    }
    if (picture_ == nullptr) {
        forget();
    }
}

void Codec::choose(const std::uint32_t *indices, std::uint32_t count)
{
    settings.components = nullptr;
    settings.component_count = 0;
    if (count == 0) {
        return;
    }
    if (!components_.allocate(count)) {
        forget();
        return;
    }
    std::copy_n(indices, count, components_.data());
    settings.components = components_.data();
    settings.component_count = count;
}

void Codec::fill(const opj_image_t &image, const std::uint32_t *order)
{
    engine(settings)->fill(*picture_, settings, image, order);
}

void Codec::fill_tile(std::uint8_t *data, std::size_t size)
{
    engine(settings)->fill_tile(*picture_, settings, tile, data, size);
}

} // namespace j2kl::openjp2
