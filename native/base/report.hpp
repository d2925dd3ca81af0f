// Writes messages into the caller's j2kl_report.
#pragma once

#include "j2kl.h"

#include <cstddef>
#include <cstring>
#include <mutex>
#include <string>
#include <string_view>

namespace j2kl {

// OpenJPEG also reports from its worker threads, hence the mutex.
class Reporter {
public:
    explicit Reporter(j2kl_report *report) : report_(report) {}
    Reporter(const Reporter &) = delete;
    Reporter &operator=(const Reporter &) = delete;

    void error(std::string_view text)
    {
        if (report_ != nullptr) {
            const std::lock_guard<std::mutex> lock(mutex_);
            ++report_->errors;
            append(report_->error, sizeof report_->error, text);
        }
    }

    void warning(std::string_view text)
    {
        if (report_ != nullptr) {
            const std::lock_guard<std::mutex> lock(mutex_);
            ++report_->warnings;
            append(report_->warning, sizeof report_->warning, text);
        }
    }

    // Says what a codestream that ends early lacks.
    void missing(std::string_view text)
    {
        if (report_ != nullptr) {
            const std::lock_guard<std::mutex> lock(mutex_);
            append(report_->missing, sizeof report_->missing, text);
        }
    }

    void info(std::string_view text)
    {
        if (report_ != nullptr) {
            const std::lock_guard<std::mutex> lock(mutex_);
            append(report_->info, sizeof report_->info, text);
        }
    }

    // Clears the errors of earlier calls, so that a call reports only its own.
    void forget_errors()
    {
        if (report_ != nullptr) {
            report_->error[0] = '\0';
        }
    }

    // Clears and returns the errors: the call continues in another way.
    std::string take_errors()
    {
        const std::string text = report_ != nullptr ? report_->error : "";
        forget_errors();
        return text;
    }

    bool has_error() const { return report_ != nullptr && report_->error[0] != '\0'; }

    static void on_error(const char *text, void *reporter) { static_cast<Reporter *>(reporter)->error(text); }
    static void on_warning(const char *text, void *reporter)
    {
        // Every packet may come without SOP, even if COD allows it (A.8.1): this is no remark on the file.
        if (std::string_view(text).find("xpected SOP marker") == std::string_view::npos) {
            static_cast<Reporter *>(reporter)->warning(text);
        }
    }
    static void on_info(const char *text, void *reporter) { static_cast<Reporter *>(reporter)->info(text); }

private:
    // Joins texts with "; ". A text that the target already contains is not repeated (one bad packet often
    // causes hundreds of messages). A text that does not fit is truncated between UTF-8 characters.
    static void append(char *target, std::size_t capacity, std::string_view text)
    {
        while (!text.empty() && (text.back() == '\n' || text.back() == '\r' || text.back() == ' ')) {
            text.remove_suffix(1);
        }
        std::size_t used = std::strlen(target);
        if (text.empty() || std::string_view(target, used).find(text) != std::string_view::npos) {
            return;
        }
        const std::string_view separator = used > 0 ? "; " : "";
        if (used + separator.size() + 1 >= capacity) {
            return;
        }
        const std::size_t room = capacity - 1 - used - separator.size();
        std::size_t length = text.size();
        if (length > room) {
            length = room;
            while (length > 0 && (static_cast<unsigned char>(text[length]) & 0xC0U) == 0x80U) {
                --length;
            }
        }
        std::memcpy(target + used, separator.data(), separator.size());
        used += separator.size();
        std::memcpy(target + used, text.data(), length);
        target[used + length] = '\0';
    }

    j2kl_report *report_;
    std::mutex mutex_;
};

} // namespace j2kl
