// A lifting operator: checks what it is given, divides a step into parts, and chooses the code for the processor.
#pragma once

#include "integer/kernels.hpp"
#include "lifting/network.hpp"
#include "lifting/planes.hpp"

namespace j2kl::lifting {

class Operator {
public:
    Operator(const j2kl_operator_shape &shape, const std::int16_t *first, const std::int16_t *blocks,
             const std::int16_t *last, const std::int16_t *proposals, const j2kl_operator_numbers &numbers);

    // See j2kl_operator_lift; `grid` may be null.
    void lift(const j2kl_plane *sources, const j2kl_plane *targets, std::size_t components, bool shared,
              std::int32_t sign, const j2kl_rect *grid, Instructions instructions, std::size_t threads) const;

private:
    Network network_;
};

} // namespace j2kl::lifting
