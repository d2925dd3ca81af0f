// Encoding of a picture by a learned transform: samples, analysis, gains of the subbands, tier-1 and tier-2.
#pragma once

#include "base/geometry.hpp"
#include "base/uninitialised.hpp"
#include "decoder/models.hpp"
#include "j2kl.h"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>

namespace j2kl::picture {

struct Codestream {
    std::unique_ptr<std::uint8_t[]> bytes;
    std::size_t size = 0;
};

class PictureEncoder {
public:
    // The arrays that `parameters` points to must outlive this object. Throws Failure if a parameter is out of range, or
    // the model cannot be computed.
    PictureEncoder(const j2kl_picture_parameters &parameters, const Models &models);

    using Take = std::function<void(std::uint32_t component, const Uninitialised<float> &coefficients)>;

    // Calls `take` for every component, in order, with its coefficients as j2kl_encoder_put_subbands takes them.
    void analyse(const void *samples, const Take &take) const;
    // Returns the codestream as OpenJPEG writes it.
    Codestream encode(const void *samples, j2kl_report *report) const;

private:
    void check() const;
    void apply_gains(std::uint32_t component, Uninitialised<float> &coefficients) const;

    j2kl_picture_parameters parameters_;
    Rect area_;
    std::size_t threads_;
    std::shared_ptr<const IntegerModel> transform_;
};

} // namespace j2kl::picture
