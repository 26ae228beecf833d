// A filter is a feature that stands around the rest of the chain: it may call `next` zero, one or
// many times and returns a response. See filters/README.md: "write a filter in 60 lines".
#pragma once

#include <memory>
#include <string_view>
#include <vector>

#include "filters/exchange.h"
#include "proxy/base/result.h"
#include "proxy/http/message.h"
#include "proxy/runtime/task.h"

namespace outrigger::filters {

class Chain;

// The rest of the chain. Cheap to copy.
class Next {
 public:
  Next(const Chain& chain, std::size_t at) noexcept : chain_(&chain), at_(at) {}
  Task<Result<http::Response>> operator()(Exchange& exchange) const;

 private:
  const Chain* chain_;
  std::size_t at_;
};

// One per route and worker; serves many exchanges at once, so it keeps nothing of one exchange in
// itself.
class Filter {
 public:
  virtual ~Filter() = default;
  [[nodiscard]] virtual std::string_view name() const noexcept = 0;
  virtual Task<Result<http::Response>> handle(Exchange& exchange, Next next) = 0;
};

// The filters of one route, outermost first; the last one sends, and calls no next.
class Chain {
 public:
  // From the filter at `inner` on it is also what requests of other upstreams run through that
  // fall back to this one.
  explicit Chain(std::vector<std::unique_ptr<Filter>> filters, std::size_t inner = 0)
      : filters_(std::move(filters)), inner_(inner) {}
  Task<Result<http::Response>> run(Exchange& exchange) const { return Next(*this, 0)(exchange); }
  [[nodiscard]] Next inner() const noexcept { return {*this, inner_}; }
  [[nodiscard]] const std::vector<std::unique_ptr<Filter>>& filters() const noexcept {
    return filters_;
  }

 private:
  friend class Next;
  std::vector<std::unique_ptr<Filter>> filters_;
  std::size_t inner_;
};

// Not a coroutine itself: it forwards to one, so a layer costs one frame.
inline Task<Result<http::Response>> Next::operator()(Exchange& exchange) const {
  return chain_->filters_[at_]->handle(exchange, Next(*chain_, at_ + 1));
}

}  // namespace outrigger::filters
