#include "transport/stream.hpp"

#include "codestream/markers.hpp"

#include <algorithm>
#include <cstring>
#include <exception>
#include <new>

namespace j2kl {

namespace {

constexpr auto end_of_stream = static_cast<OPJ_SIZE_T>(-1);

opj_stream_t *make_stream(std::size_t buffer_size, bool input)
{
    opj_stream_t *stream = opj_stream_create(buffer_size, input ? OPJ_TRUE : OPJ_FALSE);
    if (stream == nullptr) {
        throw std::bad_alloc();
    }
    return stream;
}

// If nothing follows SOD, OpenJPEG (at least 2.5.0) adds the -1 that a read returns at the end
// of the stream to the length of the tile-part, and decodes uninitialised memory. One zero byte,
// an empty packet, prevents this.
std::size_t padding(const Bytes &data)
{
    return data.size >= 2 && data.u16(data.size - 2) == marker::sod ? 1 : 0;
}

// Copies what `from` has of the bytes [at, at + count), and returns their number.
std::size_t copy(const Bytes &from, std::size_t at, std::size_t count, void *target)
{
    const std::size_t length = at < from.size ? std::min(count, from.size - at) : 0;
    if (length > 0) {
        std::memcpy(target, from.data + at, length);
    }
    return length;
}

} // namespace

InputStream::InputStream(const Bytes &head, const Bytes &rest)
    : head_(head),
      rest_(rest),
      size_(head.size + rest.size + padding(rest.size > 0 ? rest : head)),
      stream_(make_stream(std::clamp<std::size_t>(size_, 1024, OPJ_J2K_STREAM_CHUNK_SIZE), true))
{
    opj_stream_set_read_function(stream_.get(), read);
    opj_stream_set_skip_function(stream_.get(), skip);
    opj_stream_set_seek_function(stream_.get(), seek);
    opj_stream_set_user_data(stream_.get(), this, nullptr);
    opj_stream_set_user_data_length(stream_.get(), size_);
}

OPJ_SIZE_T InputStream::read(void *buffer, OPJ_SIZE_T count, void *self)
{
    auto &stream = *static_cast<InputStream *>(self);
    const std::size_t length = std::min<std::size_t>(count, stream.size_ - stream.position_);
    if (length == 0) {
        return end_of_stream;
    }
    auto *target = static_cast<std::uint8_t *>(buffer);
    std::size_t copied = copy(stream.head_, stream.position_, length, target);
    const std::size_t at = stream.position_ + copied - std::min(stream.position_ + copied, stream.head_.size);
    copied += copy(stream.rest_, at, length - copied, target + copied);
    std::memset(target + copied, 0, length - copied);
    stream.position_ += length;
    return length;
}

OPJ_OFF_T InputStream::skip(OPJ_OFF_T count, void *self)
{
    auto &stream = *static_cast<InputStream *>(self);
    const std::size_t left = stream.size_ - stream.position_;
    if (count < 0) {
        return -1;
    }
    if (static_cast<std::uint64_t>(count) > left) {
        stream.position_ = stream.size_;
        return left > 0 ? static_cast<OPJ_OFF_T>(left) : -1;
    }
    stream.position_ += static_cast<std::size_t>(count);
    return count;
}

OPJ_BOOL InputStream::seek(OPJ_OFF_T position, void *self)
{
    auto &stream = *static_cast<InputStream *>(self);
    if (position < 0 || static_cast<std::uint64_t>(position) > stream.size_) {
        return OPJ_FALSE;
    }
    stream.position_ = static_cast<std::size_t>(position);
    return OPJ_TRUE;
}

OutputStream::OutputStream() : stream_(make_stream(OPJ_J2K_STREAM_CHUNK_SIZE, false))
{
    opj_stream_set_write_function(stream_.get(), write);
    opj_stream_set_skip_function(stream_.get(), skip);
    opj_stream_set_seek_function(stream_.get(), seek);
    opj_stream_set_user_data(stream_.get(), this, nullptr);
}

bool OutputStream::grow_to(std::size_t size) noexcept
{
    try {
        if (size > bytes_.size()) {
            bytes_.resize(size);
        }
        return true;
    } catch (const std::exception &) {
        out_of_memory_ = true; // must not unwind through OpenJPEG
        return false;
    }
}

OPJ_SIZE_T OutputStream::write(void *buffer, OPJ_SIZE_T count, void *self)
{
    auto &stream = *static_cast<OutputStream *>(self);
    if (!stream.grow_to(stream.position_ + count)) {
        return end_of_stream;
    }
    if (count > 0) {
        std::memcpy(stream.bytes_.data() + stream.position_, buffer, count);
    }
    stream.position_ += count;
    return count;
}

OPJ_OFF_T OutputStream::skip(OPJ_OFF_T count, void *self)
{
    auto &stream = *static_cast<OutputStream *>(self);
    if (count < 0 || !stream.grow_to(stream.position_ + static_cast<std::size_t>(count))) {
        return -1;
    }
    stream.position_ += static_cast<std::size_t>(count);
    return count;
}

OPJ_BOOL OutputStream::seek(OPJ_OFF_T position, void *self)
{
    auto &stream = *static_cast<OutputStream *>(self);
    if (position < 0 || !stream.grow_to(static_cast<std::size_t>(position))) {
        return OPJ_FALSE;
    }
    stream.position_ = static_cast<std::size_t>(position);
    return OPJ_TRUE;
}

} // namespace j2kl
