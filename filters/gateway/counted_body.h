// A request body on its way in: counted, and cut when it exceeds the route's limit.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>

#include "proxy/http/body.h"

namespace outrigger::filters {

class CountedBody final : public http::BodySource {
 public:
  // `count` outlives the body.
  CountedBody(std::unique_ptr<http::BodySource> inner, std::uint64_t& count,
              std::optional<std::uint64_t> limit) noexcept
      : inner_(std::move(inner)), count_(count), limit_(limit) {}

  // Error: kTooLarge, origin client, `body_too_large`.
  Task<Result<Slice>> read(CancelScope& scope) override;
  [[nodiscard]] bool ready() const noexcept override { return inner_->ready(); }
  [[nodiscard]] const http::Headers* trailers() const noexcept override {
    return inner_->trailers();
  }

 private:
  std::unique_ptr<http::BodySource> inner_;
  std::uint64_t& count_;
  std::optional<std::uint64_t> limit_;
};

// The error of a request body that is larger than its route takes.
[[nodiscard]] Error body_too_large(std::uint64_t limit);

}  // namespace outrigger::filters
