// The streams and decompressors that a program has created, by the handles that it holds: those of OpenJPEG
// itself.
#pragma once

#include "openjp2/codec.hpp"
#include "openjp2/stream.hpp"

#include <memory>
#include <mutex>
#include <unordered_map>

namespace j2kl::openjp2 {

// Several threads may use it at the same time; a handle is used by one thread at a time, as OpenJPEG
// requires.
template <class Handle, class Known> class Registry {
public:
    void add(Handle *handle, std::shared_ptr<Known> known)
    {
        if (handle != nullptr) {
            const std::lock_guard<std::mutex> lock(mutex_);
            known_[handle] = std::move(known);
        }
    }
    std::shared_ptr<Known> find(Handle *handle) const
    {
        const std::lock_guard<std::mutex> lock(mutex_);
        const auto found = known_.find(handle);
        return found != known_.end() ? found->second : nullptr;
    }
    std::shared_ptr<Known> remove(Handle *handle)
    {
        const std::lock_guard<std::mutex> lock(mutex_);
        const auto found = known_.find(handle);
        if (found == known_.end()) {
            return nullptr;
        }
        std::shared_ptr<Known> known = std::move(found->second);
        known_.erase(found);
        return known;
    }

private:
    mutable std::mutex mutex_;
    std::unordered_map<Handle *, std::shared_ptr<Known>> known_;
};

} // namespace j2kl::openjp2
