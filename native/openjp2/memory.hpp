// Memory without the C++ library, which most programs that load this library do not load. A failure is a null
// pointer.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <new>

namespace j2kl::openjp2 {

// Objects of the classes derived from it come from malloc(): `new (std::nothrow) T` needs nothing else.
struct Allocated {
    static void *operator new(std::size_t size, const std::nothrow_t &) noexcept { return std::malloc(size); }
    static void operator delete(void *object) noexcept { std::free(object); }
    static void operator delete(void *object, const std::nothrow_t &) noexcept { std::free(object); }
};

// Numbers whose count is set once.
class Numbers {
public:
    Numbers() = default;
    Numbers(const Numbers &) = delete;
    Numbers &operator=(const Numbers &) = delete;
    ~Numbers() { std::free(data_); }

    // All are 0 then. Returns whether there is memory.
    bool allocate(std::size_t count)
    {
        std::free(data_);
        data_ = static_cast<std::uint32_t *>(std::calloc(count > 0 ? count : 1, sizeof(std::uint32_t)));
        count_ = data_ != nullptr ? count : 0;
        return data_ != nullptr;
    }
    std::size_t count() const { return count_; }
    std::uint32_t *data() { return data_; }

private:
    std::uint32_t *data_ = nullptr;
    std::size_t count_ = 0;
};

// The bytes at the start of a file. A stream and the pictures that are decoded from it share them.
class Start : public Allocated {
public:
    Start() = default;
    Start(const Start &) = delete;
    Start &operator=(const Start &) = delete;

    const std::uint8_t *data() const { return data_; }
    std::size_t size() const { return size_; }
    // Room for `count` more bytes behind the last one; null if there is no memory, or if the bytes are
    // shared: they must not move.
    std::uint8_t *room(std::size_t count)
    {
        if (__atomic_load_n(&owners_, __ATOMIC_RELAXED) > 1) {
            return nullptr;
        }
        if (count > capacity_ - size_) {
            const std::size_t least = size_ + count, doubled = 2 * capacity_;
            const std::size_t capacity = least > doubled ? least : doubled;
            void *larger = std::realloc(data_, capacity);
            if (larger == nullptr) {
                return nullptr;
            }
            data_ = static_cast<std::uint8_t *>(larger);
            capacity_ = capacity;
        }
        return data_ + size_;
    }
    // Takes bytes that have been written into the room.
    void take(std::size_t count) { size_ += count; }

    Start *share()
    {
        __atomic_add_fetch(&owners_, 1, __ATOMIC_RELAXED);
        return this;
    }
    static void release(Start *start)
    {
        if (start != nullptr && __atomic_sub_fetch(&start->owners_, 1, __ATOMIC_ACQ_REL) == 0) {
            delete start;
        }
    }

private:
    ~Start() { std::free(data_); }

    std::uint8_t *data_ = nullptr;
    std::size_t size_ = 0, capacity_ = 0;
    int owners_ = 1;
};

} // namespace j2kl::openjp2
