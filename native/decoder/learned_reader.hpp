// Decoding of a learned file: tier-1, reconstruction, synthesis, de-quantisation, and the inverse colour
// transform.
#pragma once

#include "base/geometry.hpp"
#include "base/report.hpp"
#include "base/uninitialised.hpp"
#include "decoder/coefficients.hpp"
#include "decoder/main_header.hpp"
#include "decoder/models.hpp"
#include "decoder/noise.hpp"
#include "decoder/segment.hpp"
#include "decoder/synthesis.hpp"
#include "transport/block_reader.hpp"

#include <array>
#include <cstdint>
#include <vector>

namespace j2kl::picture {

// The parts of an open file that a reader needs. `model` has a transform.
struct LearnedFile {
    Bytes codestream;
    const MainHeader &header;
    const Segment &segment;
    const FoundModel &model;
    const Reconstruction &reconstruction;
    BlockReader *blocks;      // null if code-blocks cannot be decoded by themselves
    bool some_tiles = false;  // the codestream has only the tiles that a request needs
};

class LearnedReader {
public:
    LearnedReader(const LearnedFile &file, const j2kl_picture_request &request, Reporter &reporter);

    // Decodes an area of the reference grid. See j2kl_picture_decode.
    void decode(const Rect &on_grid, std::int32_t *const *samples);

private:
    // Coefficients of one component and level; `low` is empty if the level is not the coarsest one.
    struct ComponentValues {
        Uninitialised<float> low;
        std::array<Uninitialised<float>, 3> details;
    };
    using LevelValues = std::vector<ComponentValues>;

    std::vector<Coefficients> level(std::uint32_t reduce, const Rect &request, std::uint32_t levels);
    // The planes of a resolution, `reduce` levels below the finest one.
    Planes synthesised(std::vector<Coefficients> components, std::uint32_t reduce) const;
    Planes whole();
    std::vector<PartAreas> areas_of(const Rect &wanted) const;
    bool read_blocks(const std::vector<PartAreas> &areas, std::vector<LevelValues> &levels);
    void read_level(std::uint32_t at, const PartAreas &areas, bool coarsest, LevelValues &values);
    Planes region(const Rect &wanted, Rect &area);
    Sharing sharing() const;
    bool dequantises() const;
    std::uint32_t dequantiser_reach() const;
    void dequantise(Planes &planes, const Rect &area, const Rect &wanted) const;
    void apply(const dequantisation::Dequantiser &network, std::uint32_t first, std::uint32_t layer, Planes &planes,
               const Rect &area, const Rect &wanted) const;
    void restore(Planes &planes, const Rect &area, const Rect &wanted) const;
    void to_pixels(const Planes &planes, const Rect &area, const Rect &wanted,
                   std::int32_t *const *samples) const;
    Rect picture(std::uint32_t reduce) const { return file_.header.area().resolution(reduce); }

    LearnedFile file_;
    j2kl_picture_request request_;
    Reporter &reporter_;
};

} // namespace j2kl::picture
