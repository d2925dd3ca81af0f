// The streams and decompressors that a program has created, by the handles that it holds: those of OpenJPEG
// itself.
#pragma once

#include <cstddef>
#include <cstdint>
#include <pthread.h>

namespace j2kl::openjp2 {

// What is known of a handle, and the next in the list of its bucket.
template <class Derived> struct Entry {
    void *handle = nullptr;
    Derived *next = nullptr;
};

// Several threads may use it at the same time; a handle is used by one thread at a time, as OpenJPEG
// requires. It needs no constructor: programs may call before and after those of other libraries have run.
template <class Known> class Registry {
public:
    // Takes the object, in the place of one of the same handle.
    void add(void *handle, Known *known)
    {
        known->handle = handle;
        pthread_mutex_lock(&mutex_);
        Known *before = detach(handle);
        Known *&first = bucket(handle);
        known->next = first;
        first = known;
        pthread_mutex_unlock(&mutex_);
        delete before;
    }
    Known *find(void *handle)
    {
        pthread_mutex_lock(&mutex_);
        Known *known = bucket(handle);
        while (known != nullptr && known->handle != handle) {
            known = known->next;
        }
        pthread_mutex_unlock(&mutex_);
        return known;
    }
    void remove(void *handle)
    {
        pthread_mutex_lock(&mutex_);
        Known *known = detach(handle);
        pthread_mutex_unlock(&mutex_);
        delete known;
    }

private:
    static constexpr std::size_t buckets = 64;

    Known *&bucket(void *handle)
    {
        constexpr std::uint64_t golden_ratio = 0x9e3779b97f4a7c15;
        return first_[(reinterpret_cast<std::uintptr_t>(handle) * golden_ratio) >> 58U];
    }
    Known *detach(void *handle)
    {
        Known **link = &bucket(handle);
        while (*link != nullptr && (*link)->handle != handle) {
            link = &(*link)->next;
        }
        Known *known = *link;
        if (known != nullptr) {
            *link = known->next;
        }
        return known;
    }

    pthread_mutex_t mutex_ = PTHREAD_MUTEX_INITIALIZER;
    Known *first_[buckets] = {};
};

} // namespace j2kl::openjp2
