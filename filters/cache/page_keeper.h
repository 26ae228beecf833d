// What of an answer to GET is kept, and who may share it while it comes (RFC 9111 3, 4.1, 4.3). One
// a fill.
#pragma once

#include <string>

#include "filters/cache/answer_keeper.h"
#include "filters/cache/cache_desk.h"
#include "filters/cache/storing.h"

namespace outrigger::filters {

// One request for a page, as the cache sees it.
struct PageAsk {
  PageRequest request;
  CacheKey url{};          // what is known of all answers to it: kVariants
  std::string owner;       // whose entries; empty: everybody's
  CacheEntryPtr variants;  // nullptr: nothing is known
  CacheKey key{};          // of the answer to this request, where there are variants
  CacheEntryPtr entry;     // may be stale
};

// The key of one of the answers to a URL; `variant` is the vary_text of the request.
[[nodiscard]] CacheKey page_key(const CacheKey& url, std::uint64_t epoch, std::string_view owner,
                                std::string_view variant);

// Under which it is noted that answers are nobody else's: those to callers who say who they are may
// be, and others not.
[[nodiscard]] CacheKey pass_key(const PageAsk& ask) noexcept;

class PageKeeper final : public AnswerKeeper, public StaleAnswer {
 public:
  // `ask` without an entry asks for a whole answer, with one for a validation of it.
  PageKeeper(CacheDesk& desk, PageAsk ask, std::int64_t now_us);

  Take begin(Exchange& exchange, const http::Response& response, Flight& flight) override;
  void see(std::string_view, std::uint64_t) override {}
  std::optional<Kept> finish(Exchange& exchange) override;
  [[nodiscard]] StaleAnswer* stale() noexcept override {
    return ask_.entry == nullptr ? nullptr : this;
  }
  [[nodiscard]] bool within(Duration most) const override;
  http::Response give() override;

 private:
  // What is known of the URL's answers with this one; false: it was changed meanwhile.
  bool know_variants(const Exchange& exchange, const http::Headers& answer, Flight& flight);
  [[nodiscard]] std::expected<StoredPage, NotStored> stored(const http::ResponseHead& head,
                                                            const AnswerTimes& times) const;
  void mark_as_passing(std::int64_t now_us) const;

  CacheDesk& desk_;
  PageAsk ask_;
  const std::int64_t requested_us_;
  std::optional<Kept> kept_;
};

// So long who asks for an answer that is nobody else's does not wait for others'.
inline constexpr std::int64_t kPassSeconds = 60;

}  // namespace outrigger::filters
