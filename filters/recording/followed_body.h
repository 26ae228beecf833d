// The answer to whoever began a detached exchange, as far as its own exchange sees it: at its end
// that hears how it went.
#pragma once

#include <memory>
#include <utility>

#include "filters/recording/detached.h"
#include "proxy/http/body.h"

namespace outrigger::filters {

class FollowedBody final : public http::BodySource {
 public:
  FollowedBody(std::unique_ptr<http::BodySource> body, std::shared_ptr<Detached> work,
               Exchange& client) noexcept
      : work_(std::move(work)), body_(std::move(body)), client_(client) {}
  Task<Result<Slice>> read(CancelScope& scope) override {
    Result<Slice> bytes = co_await body_->read(scope);
    if (!bytes || bytes->empty()) work_->tell(client_);
    co_return bytes;
  }
  [[nodiscard]] bool ready() const noexcept override { return body_->ready(); }
  [[nodiscard]] const http::Headers* trailers() const noexcept override {
    return body_->trailers();
  }

 private:
  std::shared_ptr<Detached> work_;
  std::unique_ptr<http::BodySource> body_;
  Exchange& client_;
};

}  // namespace outrigger::filters
