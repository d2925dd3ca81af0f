// The main header of a codestream (T.800 A.3), as far as learned files need it.
#pragma once

#include "base/bytes.hpp"
#include "base/geometry.hpp"

#include <cstddef>
#include <cstdint>
#include <vector>

namespace j2kl::picture {

struct MainHeader {
    // `head` is the main header with the SOT marker that ends it; it must outlive this object. Throws Failure
    // if it is damaged.
    explicit MainHeader(const Bytes &head);

    struct Component {
        std::uint32_t precision;
        bool is_signed;
        std::uint32_t dx, dy;
    };

    TileGrid tiles; // including the area of the picture
    std::vector<Component> components;
    std::uint32_t levels = 0, layers = 0;
    bool same_levels = true; // every component has the levels of COD
    bool reversible = false, component_transform = false;
    std::vector<Bytes> quantisation;    // of every component: Sqcd or Sqcc, and what follows it
    std::vector<Bytes> binary_comments; // the data of COM with Rcom = 0

    const Rect &area() const { return tiles.image; }

private:
    void parse_siz(const Bytes &body);
    void parse_cod(const Bytes &body);
};

} // namespace j2kl::picture
