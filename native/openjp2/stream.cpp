#include "openjp2/stream.hpp"

#include "openjp2/real.hpp"

#include <algorithm>
#include <cstdlib>
#include <cstring>

namespace j2kl::openjp2 {

namespace {

constexpr auto end_of_stream = static_cast<OPJ_SIZE_T>(-1);

} // namespace

Stream::Stream(opj_stream_t *original, std::size_t buffer_size, const char *file)
    : original_(original), buffer_size_(buffer_size), file_(file != nullptr ? strdup(file) : nullptr)
{
}

Stream::~Stream()
{
    if (replay_ != nullptr) {
        J2KL_REAL(opj_stream_destroy)(replay_);
    }
    Start::release(bytes_);
    std::free(file_);
}

bool Stream::replay()
{
    if (replay_ != nullptr) {
        return true;
    }
    if (bytes_ == nullptr) {
        bytes_ = new (std::nothrow) Start;
    }
    replay_ = bytes_ != nullptr ? J2KL_REAL(opj_stream_create)(buffer_size_, OPJ_TRUE) : nullptr;
    if (replay_ == nullptr) {
        return false;
    }
    J2KL_REAL(opj_stream_set_read_function)(replay_, on_read);
    // OpenJPEG decodes in another way where it can seek.
    if (skip != nullptr) {
        J2KL_REAL(opj_stream_set_skip_function)(replay_, on_skip);
    }
    if (seek != nullptr) {
        J2KL_REAL(opj_stream_set_seek_function)(replay_, on_seek);
    }
    J2KL_REAL(opj_stream_set_user_data)(replay_, this, nullptr);
    J2KL_REAL(opj_stream_set_user_data_length)(replay_, length);
    return true;
}

std::size_t Stream::have(std::size_t count)
{
    // Once OpenJPEG reads beyond these bytes, the program's stream cannot return to them. The program is
    // asked for as much at a time as OpenJPEG asks it, and for nothing beyond the length that it has named:
    // its function need not be prepared for anything else.
    const std::size_t portion = std::max<std::size_t>(buffer_size_, 1);
    while (bytes_->size() < count && !ended_ && own_position_ == bytes_->size() &&
           (length == 0 || bytes_->size() < length)) {
        std::uint8_t *room = bytes_->room(portion);
        if (room == nullptr) {
            break;
        }
        const OPJ_SIZE_T got = read(room, portion, user_data);
        ended_ = got == end_of_stream || got == 0 || got > portion;
        if (!ended_) {
            bytes_->take(got);
            own_position_ = bytes_->size();
        }
    }
    return std::min(count, bytes_->size());
}

OPJ_SIZE_T Stream::on_read(void *buffer, OPJ_SIZE_T count, void *self)
{
    Stream &stream = *static_cast<Stream *>(self);
    if (stream.position_ < stream.bytes_->size()) {
        const std::size_t length =
            std::min<std::size_t>(count, stream.bytes_->size() - static_cast<std::size_t>(stream.position_));
        std::memcpy(buffer, stream.bytes_->data() + stream.position_, length);
        stream.position_ += length;
        return length;
    }
    if (stream.ended_) {
        return end_of_stream;
    }
    if (stream.own_position_ != stream.position_) {
        if (stream.seek == nullptr ||
            stream.seek(static_cast<OPJ_OFF_T>(stream.position_), stream.user_data) == OPJ_FALSE) {
            return end_of_stream;
        }
        stream.own_position_ = stream.position_;
    }
    const OPJ_SIZE_T got = stream.read(buffer, count, stream.user_data);
    if (got != end_of_stream) {
        stream.position_ += got;
        stream.own_position_ += got;
    }
    return got;
}

OPJ_OFF_T Stream::on_skip(OPJ_OFF_T count, void *self)
{
    Stream &stream = *static_cast<Stream *>(self);
    if (count < 0) {
        return -1;
    }
    const auto wanted = static_cast<std::uint64_t>(count);
    const std::uint64_t left =
        stream.bytes_->size() - std::min<std::uint64_t>(stream.position_, stream.bytes_->size());
    if (wanted <= left || stream.ended_) {
        const std::uint64_t done = std::min(wanted, left);
        stream.position_ += done;
        return done == 0 && wanted > 0 ? -1 : static_cast<OPJ_OFF_T>(done);
    }
    if (stream.own_position_ != stream.position_ + left) { // OpenJPEG has been back at the start of the file
        if (stream.seek == nullptr ||
            stream.seek(static_cast<OPJ_OFF_T>(stream.position_ + wanted), stream.user_data) == OPJ_FALSE) {
            return -1;
        }
        stream.position_ += wanted;
        stream.own_position_ = stream.position_;
        return count;
    }
    const std::uint64_t rest = wanted - left;
    const OPJ_OFF_T skipped = stream.skip(static_cast<OPJ_OFF_T>(rest), stream.user_data);
    if (skipped < 0) {
        return -1;
    }
    // Pillow returns the position that it has reached instead of the number of bytes. OpenJPEG gets what it
    // returns.
    const std::uint64_t moved = std::min(static_cast<std::uint64_t>(skipped), rest);
    stream.own_position_ += moved;
    stream.position_ += left + moved;
    return left == 0 ? skipped : static_cast<OPJ_OFF_T>(left + moved);
}

OPJ_BOOL Stream::on_seek(OPJ_OFF_T position, void *self)
{
    Stream &stream = *static_cast<Stream *>(self);
    if (position < 0) {
        return OPJ_FALSE;
    }
    const auto wanted = static_cast<std::uint64_t>(position);
    if (wanted > stream.bytes_->size() && wanted != stream.own_position_) {
        if (stream.ended_ || stream.seek(position, stream.user_data) == OPJ_FALSE) {
            return OPJ_FALSE;
        }
        stream.own_position_ = wanted;
    }
    stream.position_ = wanted;
    return OPJ_TRUE;
}

} // namespace j2kl::openjp2
