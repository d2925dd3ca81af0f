// Decoding of a lossless learned file: tier-1, the reversible synthesis and the inverse RCT, all in integers.
#pragma once

#include "decoder/level_reader.hpp"

namespace j2kl::picture {

class ReversibleReader : public LevelReader<std::int32_t> {
public:
    using LevelReader::LevelReader;

    // Decodes an area of the reference grid. See j2kl_picture_decode.
    void decode(const Rect &on_grid, std::int32_t *const *samples);

protected:
    void decode_tier1(Decoder &decoder, const j2kl_request &request) const override;
    Coefficients<std::int32_t> coefficients(std::uint32_t component, std::vector<std::int32_t> decoded,
                                            const Rect &area, std::uint32_t levels,
                                            std::uint32_t reduce) const override;
    Planes synthesised(std::vector<Coefficients<std::int32_t>> components,
                       std::uint32_t reduce) const override;
};

} // namespace j2kl::picture
