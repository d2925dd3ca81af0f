// A lifting operator: checks what it is given, divides a step into parts, and chooses the code for the processor.
#pragma once

#include "base/instructions.hpp"
#include "lifting/network.hpp"
#include "lifting/packed.hpp"
#include "lifting/planes.hpp"
#include "lifting/rows.hpp"

#include <array>
#include <memory>
#include <mutex>
#include <vector>

namespace j2kl::lifting {

class Operator {
public:
    Operator(const j2kl_operator_shape &shape, const std::int16_t *first, const std::int16_t *blocks,
             const std::int16_t *last, const std::int16_t *proposals, const j2kl_operator_numbers &numbers);

    // See j2kl_operator_lift; `grid` may be null.
    void lift(const j2kl_plane *sources, const j2kl_plane *targets, std::size_t components, bool shared,
              std::int32_t sign, const j2kl_rect *grid, Instructions instructions, std::size_t threads) const;

    Operator(const Operator &) = delete;
    Operator &operator=(const Operator &) = delete;

private:
    const PackedNetwork &packed(const RowKernels &kernels) const;
    void divide(const Area &area, Part part, const RowKernels *kernels, std::size_t threads,
                std::vector<Part> &parts) const;

    Network network_;
    mutable std::mutex mutex_; // guards the pointers below; a network is packed when it is first needed
    mutable std::array<std::unique_ptr<const PackedNetwork>, 2> packed_; // for blocks of 4 and of 8 outputs
};

} // namespace j2kl::lifting
