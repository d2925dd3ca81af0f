// De-quantisation of components by a network in integers.
#pragma once

#include "dequantisation/network.hpp"
#include "dequantisation/strip.hpp"

namespace j2kl::dequantisation {

class Dequantiser {
public:
    explicit Dequantiser(Network network) : network_(std::move(network)) {}

    std::size_t reads() const { return network_.reads; }
    std::size_t writes() const { return network_.writes; }
    std::size_t side() const { return network_.side; } // of a position

    // See j2kl_dequantiser_apply.
    void apply(const Components &components, Instructions instructions, std::uint32_t threads) const;

    // Samples around a part of a component that correcting it reads.
    std::uint32_t reach() const;

private:
    Network network_;
};

} // namespace j2kl::dequantisation
