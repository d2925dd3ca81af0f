// De-quantisation of a component by a network in integers.
#pragma once

#include "dequantisation/network.hpp"
#include "dequantisation/strip.hpp"

namespace j2kl::dequantisation {

class Dequantiser {
public:
    explicit Dequantiser(Network network) : network_(std::move(network)) {}

    // See j2kl_dequantiser_apply.
    void apply(const Component &component, Instructions instructions, std::uint32_t threads) const;

    // Samples around a part of a component that correcting it reads.
    std::uint32_t reach() const;

private:
    Network network_;
};

} // namespace j2kl::dequantisation
