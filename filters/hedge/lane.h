// One of several requests that run for one exchange at the same time: an exchange of its own with
// the same request, whose attempts become those of the whole. Owned by the race; the winner's lives
// on in the body of its answer.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "filters/filter.h"
#include "proxy/runtime/task_group.h"

namespace outrigger::filters {

class Lane final : private AttemptObserver {
 public:
  // `whole` is the request's body. `ended` is called from the loop once the lane has an outcome.
  Lane(Exchange& whole_exchange, const Slice& body, std::uint64_t avoid,
       std::function<void()> ended);
  ~Lane();
  Lane(const Lane&) = delete;
  Lane& operator=(const Lane&) = delete;

  void start(Next next);
  // Nobody needs its answer; it ends soon.
  void cancel() { scope_.cancel({Errc::kCancelled, Origin::kProxy, "hedged"}); }
  [[nodiscard]] bool ended() const noexcept { return ended_; }
  // Its outcome is a good answer.
  [[nodiscard]] bool good() const noexcept;
  // Its outcome is what any other request would get, too: a good answer, a final refusal, or the
  // upstream's word that it is not to be asked again.
  [[nodiscard]] bool settles() const noexcept;
  [[nodiscard]] std::uint64_t endpoints() const noexcept;  // tried, a bit each
  // How long its answer took to begin; only of a good one.
  [[nodiscard]] Duration latency() const noexcept;
  [[nodiscard]] TimePoint begun() const noexcept { return begun_; }

  // Appends its attempts to those of the whole exchange, which hears of their ends from now on.
  void merge();
  // The outcome; once, after merge().
  [[nodiscard]] Result<http::Response> take() { return std::move(*outcome_); }

 private:
  class Silent final : public http::ResponseSink {  // interim answers of several would mix
   public:
    Task<Status> interim(http::ResponseHead, CancelScope&) override { co_return Status{}; }
    Task<http::Delivery> send(http::Response, CancelScope&) override { co_return http::Delivery{}; }
  };
  static Task<void> run(Lane& self, Next next);
  void on_concluded(Exchange& exchange, Attempt& attempt) override;
  void copy_end(const Attempt& from, std::size_t to);

  Exchange& whole_;
  Silent silent_;
  CancelScope scope_;
  TimePoint begun_;
  std::function<void()> tell_;
  std::optional<std::size_t> merged_at_;  // in the whole exchange's attempts
  bool ended_ = false;
  Exchange exchange_;  // tells of its attempts when it goes
  std::optional<Result<http::Response>> outcome_;
  TaskGroup group_;  // last: what runs in it uses the rest
};

// A body that keeps its lane: what it is read from belongs to that.
class LaneBody final : public http::BodySource {
 public:
  LaneBody(std::unique_ptr<Lane> lane, std::unique_ptr<http::BodySource> inner) noexcept
      : lane_(std::move(lane)), inner_(std::move(inner)) {}
  Task<Result<Slice>> read(CancelScope& scope) override { return inner_->read(scope); }
  [[nodiscard]] bool ready() const noexcept override { return inner_->ready(); }
  [[nodiscard]] const http::Headers* trailers() const noexcept override {
    return inner_->trailers();
  }

 private:
  std::unique_ptr<Lane> lane_;
  std::unique_ptr<http::BodySource> inner_;  // goes first
};

}  // namespace outrigger::filters
