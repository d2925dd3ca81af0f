// Decoding of a lossy learned file: tier-1, reconstruction, synthesis, de-quantisation, and the inverse colour
// transform.
#pragma once

#include "decoder/level_reader.hpp"

namespace j2kl::picture {

class LearnedReader : public LevelReader<float> {
public:
    using LevelReader::LevelReader;

    // Decodes an area of the reference grid. See j2kl_picture_decode.
    void decode(const Rect &on_grid, std::int32_t *const *samples);

protected:
    void decode_tier1(Decoder &decoder, const j2kl_request &request) const override;
    Coefficients<float> coefficients(std::uint32_t component, std::vector<std::int32_t> decoded,
                                     const Rect &area, std::uint32_t levels,
                                     std::uint32_t reduce) const override;
    Planes synthesised(std::vector<Coefficients<float>> components, std::uint32_t reduce) const override;
    std::uint32_t margin() const override;

private:
    bool dequantises() const;
    void dequantise(Planes &planes, const Rect &area) const;
    void restore(Planes &planes) const;
    void to_pixels(const Planes &planes, const Rect &area, const Rect &wanted,
                   std::int32_t *const *samples) const;
};

} // namespace j2kl::picture
