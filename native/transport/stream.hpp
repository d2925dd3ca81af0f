// OpenJPEG streams over memory.
#pragma once

#include "base/bytes.hpp"

#include <openjpeg.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

namespace j2kl {

struct StreamDeleter {
    void operator()(opj_stream_t *stream) const { opj_stream_destroy(stream); }
};

// Reads bytes that the caller owns: those of `head`, then those of `rest`.
class InputStream {
public:
    InputStream(const Bytes &head, const Bytes &rest);
    InputStream(const InputStream &) = delete;
    InputStream &operator=(const InputStream &) = delete;

    opj_stream_t *get() const { return stream_.get(); }

private:
    static OPJ_SIZE_T read(void *buffer, OPJ_SIZE_T count, void *self);
    static OPJ_OFF_T skip(OPJ_OFF_T count, void *self);
    static OPJ_BOOL seek(OPJ_OFF_T position, void *self);

    Bytes head_, rest_;
    std::size_t size_; // including the padding after the data
    std::size_t position_ = 0;
    std::unique_ptr<opj_stream_t, StreamDeleter> stream_;
};

// Writes to a growing vector.
class OutputStream {
public:
    OutputStream();
    OutputStream(const OutputStream &) = delete;
    OutputStream &operator=(const OutputStream &) = delete;

    opj_stream_t *get() const { return stream_.get(); }
    bool out_of_memory() const { return out_of_memory_; }
    std::vector<std::uint8_t> take() { return std::move(bytes_); }

private:
    static OPJ_SIZE_T write(void *buffer, OPJ_SIZE_T count, void *self);
    static OPJ_OFF_T skip(OPJ_OFF_T count, void *self);
    static OPJ_BOOL seek(OPJ_OFF_T position, void *self);
    bool grow_to(std::size_t size) noexcept;

    std::vector<std::uint8_t> bytes_;
    std::size_t position_ = 0;
    bool out_of_memory_ = false;
    std::unique_ptr<opj_stream_t, StreamDeleter> stream_;
};

} // namespace j2kl
