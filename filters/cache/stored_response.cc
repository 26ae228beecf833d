#include "filters/cache/stored_response.h"

#include <algorithm>
#include <chrono>
#include <memory>
#include <utility>

#include <fmt/format.h>

#include "proxy/http/headers.h"

namespace outrigger::filters {
namespace {

class EntryBody final : public http::BodySource {
 public:
  EntryBody(const CacheEntryPtr& entry, std::uint64_t from, std::uint64_t size)
      : entry_(*entry), hold_(Slice::held(entry, {})), at_(from), end_(from + size) {}

  Task<Result<Slice>> read(CancelScope& scope) override {
    if (scope.why()) co_return std::unexpected(scope.why()->error());
    co_return next(end_);
  }
  [[nodiscard]] bool ready() const noexcept override { return true; }

  // Of what comes before `until`, as much as lies together; empty at the end.
  Slice next(std::uint64_t until) {
    if (at_ >= until) return {};
    const std::string_view piece = entry_.body[at_ / CacheEntry::kPiece];
    const std::size_t skip = at_ % CacheEntry::kPiece;
    const std::string_view bytes =
        piece.substr(skip, std::min<std::uint64_t>(until - at_, piece.size() - skip));
    at_ += bytes.size();
    return hold_.sub(bytes);
  }
  [[nodiscard]] std::uint64_t at() const noexcept { return at_; }

 private:
  const CacheEntry& entry_;
  Slice hold_;  // keeps the entry; all slices share it
  std::uint64_t at_;
  const std::uint64_t end_;
};

class PacedBody final : public http::BodySource {
 public:
  PacedBody(const CacheEntryPtr& entry, Dispatcher& loop)
      : entry_(*entry),
        all_(entry->body_bytes()),
        loop_(loop),
        began_(loop.now()),
        body_(entry, 0, all_) {
    skip_given();
  }

  Task<Result<Slice>> read(CancelScope& scope) override {
    if (const Duration wait = time_left(); wait > Duration{0}) {
      CO_TRY(co_await SleepFor(loop_, scope, wait));
    }
    if (scope.why()) co_return std::unexpected(scope.why()->error());
    const std::uint64_t end = event_ < entry_.events.size() ? entry_.events[event_].end : all_;
    Slice bytes = body_.next(end);
    skip_given();
    co_return bytes;
  }
  [[nodiscard]] bool ready() const noexcept override { return time_left() <= Duration{0}; }

 private:
  void skip_given() noexcept {
    while (event_ < entry_.events.size() && entry_.events[event_].end <= body_.at()) ++event_;
  }
  [[nodiscard]] Duration time_left() const noexcept {
    if (event_ >= entry_.events.size()) return Duration{0};
    const auto due = std::chrono::milliseconds(entry_.events[event_].after_ms);
    return due - (loop_.now() - began_);
  }

  const CacheEntry& entry_;  // body_ keeps it
  const std::uint64_t all_;
  Dispatcher& loop_;
  const TimePoint began_;
  EntryBody body_;
  std::size_t event_ = 0;  // the next
};

}  // namespace

http::ResponseHead head_of(const CacheEntryPtr& entry) {
  http::ResponseHead head;
  head.status = entry->head.status;
  http::Headers& headers = head.headers;
  headers.reserve(entry->head.fields.size() + 8);
  headers.keep(Slice::held(entry, {}));
  for (const StoredField& field : entry->head.fields) {
    headers.add_view(http::header_id(field.name), field.name, field.value, http::Grammar::kChecked);
  }
  return head;
}

http::Body body_of(const CacheEntryPtr& entry) {
  return body_of(entry, 0, entry->body_bytes());
}

http::Body body_of(const CacheEntryPtr& entry, std::uint64_t from, std::uint64_t size) {
  if (size == 0) return http::Body(Slice{});
  const std::uint64_t skip = from % CacheEntry::kPiece;
  if (skip + size <= CacheEntry::kPiece) {
    const std::string_view piece = entry->body[from / CacheEntry::kPiece];
    return http::Body(Slice::held(entry, piece.substr(skip, size)));
  }
  return {std::make_unique<EntryBody>(entry, from, size), size};
}

http::Body paced_body_of(const CacheEntryPtr& entry, Dispatcher& loop) {
  return {std::make_unique<PacedBody>(entry, loop), std::nullopt};
}

void add_age(http::Headers& headers, Duration age) {
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(age).count();
  headers.add("Age", fmt::format_int(seconds).c_str());
}

}  // namespace outrigger::filters
