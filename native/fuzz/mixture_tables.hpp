// Tables of mixtures for tests. They have the form of j2klearn/neural/entropy/mixture.py, roughly.
#pragma once

#include "j2kl.h"

#include <cmath>
#include <cstdint>
#include <vector>

namespace j2kl::fuzz {

class MixtureTables {
public:
    MixtureTables()
    {
        for (int i = 0; i < 768; ++i) {
            exponential_.push_back(static_cast<std::int32_t>(32768 * std::exp(-i / 64.0)));
        }
        for (int i = -256; i <= 640; ++i) {
            reciprocal_.push_back(static_cast<std::int32_t>(33554432 * std::exp(-i / 64.0)));
            variance_.push_back(static_cast<std::int64_t>(1024 * std::exp(i / 32.0)));
        }
        for (int i = 0; i <= 2304; ++i) {
            cumulative_.push_back(static_cast<std::int32_t>(16777216 / (1 + std::exp(18 - i / 64.0))));
        }
        cumulative_.back() = 16777216;
    }

    // Valid as long as this object.
    j2kl_mixture_tables tables() const
    {
        return {exponential_.data(), reciprocal_.data(), variance_.data(), cumulative_.data()};
    }

private:
    std::vector<std::int32_t> exponential_, reciprocal_, cumulative_;
    std::vector<std::int64_t> variance_;
};

} // namespace j2kl::fuzz
