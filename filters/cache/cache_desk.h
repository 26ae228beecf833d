// What pages and prompts have in common of a route's cache: the look for an entry, the way to the
// upstream with whoever asks for the same, and what is said of it. One a route and worker.
#pragma once

#include <array>
#include <memory>
#include <string>
#include <string_view>

#include "filters/cache/answer_keeper.h"
#include "filters/cache/cache_status.h"
#include "filters/cache/fill.h"
#include "filters/cache/shared_answers.h"
#include "filters/filter.h"
#include "filters/idempotency/once.h"
#include "proxy/base/metrics.h"
#include "proxy/base/random.h"
#include "proxy/base/wall_clock.h"

namespace outrigger::filters {

// What the caches of one worker share; outlives them.
struct CacheContext {
  SharedAnswers& shared;
  Executions& executions;
  WallClock& clock;
  MetricShard& metrics;
};

class CacheDesk {
 public:
  CacheDesk(const CacheContext& context, const config::Policies& policies,
            std::string_view upstream);

  [[nodiscard]] const config::Policies& policies() const noexcept { return policies_; }
  [[nodiscard]] const config::Cache& policy() const noexcept { return *policies_.cache; }
  [[nodiscard]] const std::string& upstream() const noexcept { return upstream_; }
  [[nodiscard]] SharedAnswers& shared() const noexcept { return context_.shared; }
  [[nodiscard]] AnswerCache& answers() const noexcept { return context_.shared.answers; }
  [[nodiscard]] Flights& flights() const noexcept { return context_.shared.flights; }
  // Time of day.
  [[nodiscard]] std::int64_t now_us(const Exchange& exchange) const {
    return context_.clock.micros(exchange.loop.now());
  }
  // What keys begin with: one service. Of what is forwarded to any host, that host.
  [[nodiscard]] std::string place(const Exchange& exchange) const;
  // How long an answer is of use to a fallback after it has become stale.
  [[nodiscard]] Duration kept_stale() const noexcept;
  // What tells the answers to a URL before and after it was invalidated apart: never 0.
  [[nodiscard]] std::uint64_t new_epoch();
  // Whose entries the request may have (cache.owner); a hash.
  [[nodiscard]] std::string owner(const Exchange& exchange) const;

  // In memory, else on disk where it may be there.
  Task<CacheEntryPtr> find(const Exchange& exchange, const CacheKey& key) const;

  // One request with others, or first of them, to the upstream.
  struct Trip {
    std::shared_ptr<Flight> flight;
    std::optional<Recording::Reader> reader;  // none of whom nobody waits for
    bool leads = false;
    std::shared_ptr<Detached> work = nullptr;  // of the leader, once it has started
  };
  enum class Company : std::uint8_t {
    kAny,   // with whoever asks for the same
    kNone,  // alone: others may come along
  };
  // To the upstream while nobody waits for it, unless somebody is on the way already: then it does
  // not lead.
  [[nodiscard]] Trip board_unseen(Exchange& exchange, const CacheKey& key,
                                  std::string_view owner) const;
  // On the flight to that key, or one of its own.
  [[nodiscard]] Trip board(Exchange& exchange, const CacheKey& key, std::string_view owner,
                           Company company) const;
  struct Lead {
    CacheKey key;
    Detached::Coding coding = Detached::Coding::kOfClient;
    std::unique_ptr<AnswerKeeper> keeper;
    const StoredHead* validates = nullptr;  // asks whether that is still right
  };
  // Starts the request as the trip's leader; it takes the body out of `exchange`.
  void lead(Exchange& exchange, Next next, Trip& trip, Lead lead);
  // The head of what is on its way, as long as this client waits. Error, besides the flight's:
  // `deadline_exceeded`.
  Task<Result<StoredHead>> wait_for_head(Exchange& exchange, Trip& trip) const;
  // To whom wants nothing from upstream (RFC 9111 5.2.1.7).
  [[nodiscard]] static std::unexpected<Error> not_cached();
  // Whether others' answer failed for a reason that is not this client's.
  [[nodiscard]] static bool goes_again(const Trip& trip, const Error& error);
  // The answer as it comes.
  [[nodiscard]] http::Response passing(Exchange& exchange, const StoredHead& head, Trip trip,
                                       CacheStatus status) const;

  enum class Outcome : std::uint8_t {
    kHit,
    kMiss,
    kStale,
    kBypass,
    kRevalidated,
    kCollapsed,
  };
  void count(Outcome outcome) const;
  // It keeps answers, and gives none.
  [[nodiscard]] bool in_shadow() const noexcept {
    return policies_.shadowed(config::Shadowed::kCache);
  }
  // What came of it, for the client.
  void say(http::ResponseHead& answer, const CacheStatus& status) const {
    if (!in_shadow()) append_cache_status(answer.headers, status);
  }
  // For CacheStatus: the key, where answers say all about themselves (`headers: full`).
  [[nodiscard]] const CacheKey* shown(const CacheKey& key) const noexcept {
    return policies_.headers == config::DecisionHeaders::kFull ? &key : nullptr;
  }
  // What an answer that is given again saves: in its head, and to the metrics.
  void tell_saved(http::Headers& answer, const TokenUsage& usage) const;

 private:
  const CacheContext context_;
  const config::Policies& policies_;
  const std::string upstream_;
  std::array<Counter, 6> counters_;  // by Outcome
  Random random_{secure_seed()};
  Orphans orphans_;
};

}  // namespace outrigger::filters
