// Encodes subbands or samples to a codestream.
#pragma once

#include "base/geometry.hpp"
#include "j2kl.h"
#include "transport/openjpeg.hpp"
#include "transport/planes.hpp"

#include <cstdint>
#include <vector>

namespace j2kl {

class Encoder {
public:
    Encoder(const j2kl_parameters &parameters, j2kl_report *report);

    void put_subbands(std::uint32_t component, const void *subbands);
    void put_samples(std::uint32_t component, const std::int32_t *samples);
    const std::vector<std::uint8_t> &finish();

    Reporter &reporter() { return reporter_; }

private:
    enum class Kind { none, subbands, samples };

    std::int32_t *new_plane(std::uint32_t component, Kind kind);
    void make_samples();
    Image make_image();
    void fill(opj_cparameters_t &target) const;

    j2kl_parameters parameters_;
    Reporter reporter_;
    Rect area_;
    TileGrid tiles_;
    SampleFormat format_;
    std::vector<ImageData> planes_;
    Kind kind_ = Kind::none;
    bool finished_ = false;
    std::vector<std::uint8_t> codestream_;
};

} // namespace j2kl
