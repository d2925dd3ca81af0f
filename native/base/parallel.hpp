// A parallel for loop, for a few pieces of work of similar size.
#pragma once

#include <atomic>
#include <cstddef>
#include <exception>
#include <mutex>
#include <system_error>
#include <thread>
#include <vector>

namespace j2kl {

// Calls body(index) for every index below `count` on up to `threads` threads, one of which is the calling
// thread. Rethrows the first exception in the calling thread.
template <class Body> void parallel_for(std::size_t count, std::size_t threads, const Body &body)
{
    if (threads <= 1 || count <= 1) {
        for (std::size_t index = 0; index < count; ++index) {
            body(index);
        }
        return;
    }
    std::atomic<std::size_t> next{0};
    std::exception_ptr failure;
    std::mutex failure_mutex;
    const auto work = [&]() noexcept {
        try {
            for (std::size_t index = next++; index < count; index = next++) {
                body(index);
            }
        } catch (...) {
            next = count;
            const std::lock_guard<std::mutex> lock(failure_mutex);
            if (!failure) {
                failure = std::current_exception();
            }
        }
    };
    std::vector<std::thread> helpers;
    helpers.reserve(threads - 1);
    try {
        while (helpers.size() + 1 < threads && helpers.size() + 1 < count) {
            helpers.emplace_back(work);
        }
    } catch (const std::system_error &) {
        // The system can start no more threads: the running threads do the work.
    }
    work();
    for (std::thread &helper : helpers) {
        helper.join();
    }
    if (failure) {
        std::rethrow_exception(failure);
    }
}

} // namespace j2kl
