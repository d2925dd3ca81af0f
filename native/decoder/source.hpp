// The bytes of a file, in memory or behind a function that reads them.
#pragma once

#include "j2kl.h"

#include <cstddef>
#include <cstdint>
#include <vector>

namespace j2kl::picture {

class Source {
public:
    // The data must outlive the source.
    Source(const std::uint8_t *data, std::size_t size) : data_(data), size_(size) {}
    explicit Source(const j2kl_reader &reader);

    std::uint64_t size() const { return size_; }
    const std::uint8_t *data() const { return data_; } // null if the file is not in memory
    // Reads up to `count` bytes from `offset` on; fewer at the end of the file. Throws Failure if they cannot
    // be read.
    std::size_t read(std::uint64_t offset, std::uint8_t *target, std::size_t count) const;

private:
    const std::uint8_t *data_ = nullptr;
    j2kl_reader reader_{};
    std::uint64_t size_;
};

// Where the codestream of a file lies: the file itself, or the first contiguous codestream box of a JP2 file
// (T.800 I.5.4). Throws Failure if the file is no JPEG 2000.
struct Place {
    std::uint64_t begin = 0, end = 0;
    bool has_palette = false; // the JP2 header has a palette box (I.5.3.4)
};
Place find_codestream(const Source &source);

// The main header of a codestream, from SOC to the first SOT marker, which is its end. Throws Failure if it
// is damaged, or larger than a bound.
std::vector<std::uint8_t> read_main_header(const Source &source, const Place &place);

} // namespace j2kl::picture
