// The streams of a program, as far as they have to be read before OpenJPEG reads them.
#pragma once

#include "openjp2/memory.hpp"
#include "openjp2/registry.hpp"

#include <openjpeg.h>

#include <cstddef>
#include <cstdint>

namespace j2kl::openjp2 {

// What a program has told about a stream. If OpenJPEG decodes a learned file, or a file whose kind has to be
// found out, it gets another stream in its place, which returns the bytes that have been read and then those
// of the program's own.
class Stream : public Allocated, public Entry<Stream> {
public:
    // `file` is the name of the file that OpenJPEG reads, or null.
    Stream(opj_stream_t *original, std::size_t buffer_size, const char *file);
    Stream(const Stream &) = delete;
    Stream &operator=(const Stream &) = delete;
    ~Stream();

    opj_stream_read_fn read = nullptr;
    opj_stream_skip_fn skip = nullptr;
    opj_stream_seek_fn seek = nullptr;
    void *user_data = nullptr;
    std::uint64_t length = 0; // 0: unknown

    const char *file() const { return file_; }
    // The stream that OpenJPEG reads: the program's own, or the one in its place.
    opj_stream_t *active() const { return replay_ != nullptr ? replay_ : original_; }

    // Puts another stream in the place of the program's own. Returns whether it could be created.
    bool replay();
    // Makes sure that the first `count` bytes have been read, as far as there are that many. Returns their
    // number.
    std::size_t have(std::size_t count);
    // The bytes that have been read. They are there after replay().
    Start &bytes() const { return *bytes_; }

private:
    static OPJ_SIZE_T on_read(void *buffer, OPJ_SIZE_T count, void *self);
    static OPJ_OFF_T on_skip(OPJ_OFF_T count, void *self);
    static OPJ_BOOL on_seek(OPJ_OFF_T position, void *self);

    opj_stream_t *original_, *replay_ = nullptr;
    std::size_t buffer_size_;
    char *file_;
    Start *bytes_ = nullptr;
    bool ended_ = false;             // `bytes_` is the whole file
    std::uint64_t position_ = 0;     // of OpenJPEG
    std::uint64_t own_position_ = 0; // of the program's stream
};

} // namespace j2kl::openjp2
