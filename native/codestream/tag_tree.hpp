// T.800 B.10.2: tag trees.
#pragma once

#include "codestream/header_bits.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace j2kl {

class TagTree {
public:
    static constexpr std::uint32_t never = UINT32_MAX; // greater than every threshold

    TagTree(std::uint32_t width, std::uint32_t height)
    {
        std::size_t count = 0;
        for (;;) {
            levels_[depth_++] = {width, count};
            count += std::size_t{width} * height;
            if (width <= 1 && height <= 1) {
                break;
            }
            width = (width + 1) / 2;
            height = (height + 1) / 2;
        }
        nodes_.resize(count);
    }

    // Reads the bits that decide whether the value of a leaf is below the
    // threshold, and returns whether it is.
    bool read(HeaderReader &bits, std::uint32_t leaf, std::uint32_t threshold)
    {
        return visit(leaf, threshold, [&](const Node &, std::uint32_t) { return bits.bit() != 0; });
    }

    // Writes the bits that read() will read. The tree must have its values, and
    // the state of the reader's tree.
    void write(HeaderWriter &bits, std::uint32_t leaf, std::uint32_t threshold)
    {
        visit(leaf, threshold, [&](const Node &node, std::uint32_t low) {
            const bool reached = node.value <= low;
            bits.bit(reached ? 1 : 0);
            return reached;
        });
    }

    // Sets the values for write(): those of the leaves; an inner node gets the minimum of its leaves.
    void set_values(const std::vector<std::uint32_t> &leaves)
    {
        for (Node &node : nodes_) {
            node.value = never;
        }
        for (std::uint32_t leaf = 0; leaf < leaves.size(); ++leaf) {
            std::uint32_t x = leaf % levels_[0].width, y = leaf / levels_[0].width;
            for (std::uint32_t level = 0; level < depth_; ++level, x /= 2, y /= 2) {
                Node &node = at(level, x, y);
                node.value = std::min(node.value, leaves[leaf]);
            }
        }
    }

private:
    struct Level {
        std::uint32_t width;
        std::size_t offset;
    };
    struct Node {
        std::uint32_t value = never;
        std::uint32_t low = 0; // lower bound of the value
        bool known = false;    // the value is equal to `low`
    };

    Node &at(std::uint32_t level, std::uint32_t x, std::uint32_t y)
    {
        return nodes_[levels_[level].offset + std::size_t{y} * levels_[level].width + x];
    }

    template <class Coder> bool visit(std::uint32_t leaf, std::uint32_t threshold, const Coder &reached)
    {
        const std::uint32_t x = leaf % levels_[0].width, y = leaf / levels_[0].width;
        std::uint32_t low = 0;
        bool known = false;
        for (std::uint32_t level = depth_; level-- > 0;) {
            Node &node = at(level, x >> level, y >> level);
            low = std::max(low, node.low);
            while (low < threshold && !node.known) {
                if (reached(node, low)) {
                    node.known = true;
                } else {
                    ++low;
                }
            }
            node.low = low;
            known = node.known;
        }
        return known && low < threshold;
    }

    std::array<Level, 33> levels_{};
    std::uint32_t depth_ = 0;
    std::vector<Node> nodes_;
};

} // namespace j2kl
