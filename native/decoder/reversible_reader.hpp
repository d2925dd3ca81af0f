// Decoding of a lossless learned file: tier-1, the reversible synthesis and the inverse RCT, all in integers.
#pragma once

#include "base/geometry.hpp"
#include "base/report.hpp"
#include "decoder/integer_model.hpp"
#include "decoder/main_header.hpp"
#include "decoder/reversible.hpp"
#include "decoder/segment.hpp"

#include <cstdint>
#include <vector>

namespace j2kl::picture {

// The parts of an open file that a reader needs. `model` is reversible.
struct LosslessFile {
    Bytes codestream;
    const MainHeader &header;
    const Segment &segment;
    const IntegerModel &model;
};

class ReversibleReader {
public:
    ReversibleReader(const LosslessFile &file, const j2kl_picture_request &request, Reporter &reporter);

    // Decodes an area of the reference grid. See j2kl_picture_decode.
    void decode(const Rect &on_grid, std::int32_t *const *samples);

private:
    std::vector<IntegerBands> level(std::uint32_t reduce, const Rect &request, std::uint32_t levels);
    IntegerPlanes region(const Rect &wanted, Rect &area);
    IntegerPlanes synthesised(std::vector<IntegerBands> components, std::uint32_t reduce) const;
    Rect picture(std::uint32_t reduce) const { return file_.header.area().resolution(reduce); }

    LosslessFile file_;
    j2kl_picture_request request_;
    Reporter &reporter_;
};

} // namespace j2kl::picture
