// Decoding of a learned file to planes: tier-1 and the synthesis, of a whole resolution or level by level of a region.
#pragma once

#include "base/geometry.hpp"
#include "base/report.hpp"
#include "decoder/coefficients.hpp"
#include "decoder/main_header.hpp"
#include "decoder/models.hpp"
#include "decoder/segment.hpp"

#include <cstdint>
#include <vector>

namespace j2kl {
class Decoder;
}

namespace j2kl::picture {

// The parts of an open file that a reader needs. `model` has a transform.
struct LearnedFile {
    Bytes codestream;
    const MainHeader &header;
    const Segment &segment;
    const FoundModel &model;
    const Reconstruction *reconstruction; // null in lossless files
};

// T is the type of coefficients and of the planes: float, or std::int32_t in lossless files.
template <class T> class LevelReader {
public:
    LevelReader(const LearnedFile &file, const j2kl_picture_request &request, Reporter &reporter);
    virtual ~LevelReader() = default;
    LevelReader(const LevelReader &) = delete;
    LevelReader &operator=(const LevelReader &) = delete;

protected:
    using Planes = std::vector<std::vector<T>>;

    // The planes of an area of the reference grid. `area` becomes what they cover, at their resolution: the wanted
    // area or a larger one.
    Planes planes(const Rect &on_grid, Rect &area);

    // What tier-1 decodes: half quantiser steps, or coefficients of the 5/3.
    virtual void decode_tier1(Decoder &decoder, const j2kl_request &request) const = 0;
    // The coefficients of a component, of `levels` levels below the `reduce` finest ones of the codestream, from what
    // tier-1 has decoded.
    virtual Coefficients<T> coefficients(std::uint32_t component, std::vector<std::int32_t> decoded,
                                         const Rect &area, std::uint32_t levels,
                                         std::uint32_t reduce) const = 0;
    // The planes of a resolution, `reduce` levels below the finest one.
    virtual Planes synthesised(std::vector<Coefficients<T>> components, std::uint32_t reduce) const = 0;
    // Samples around a region that the steps after the synthesis read.
    virtual std::uint32_t margin() const { return 0; }

    const LearnedFile &file() const { return file_; }
    const j2kl_picture_request &request() const { return request_; }

private:
    std::vector<Coefficients<T>> level(std::uint32_t reduce, const Rect &request, std::uint32_t levels);
    Planes region(const Rect &wanted, Rect &area);
    Rect picture(std::uint32_t reduce) const { return file_.header.area().resolution(reduce); }

    LearnedFile file_;
    j2kl_picture_request request_;
    Reporter &reporter_;
};

extern template class LevelReader<float>;
extern template class LevelReader<std::int32_t>;

} // namespace j2kl::picture
