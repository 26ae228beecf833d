#include "filters/validate/held_body.h"

#include <cstdint>
#include <memory>
#include <utility>

#include "filters/classify/answer_check.h"

namespace outrigger::filters {
namespace {

// What was read of a body, then the rest of it.
class PutBack final : public http::BodySource {
 public:
  enum class Rest : std::uint8_t { kMore, kRead };  // kRead: to its end
  PutBack(SliceQueue read, http::Body body, Rest rest) noexcept
      : read_(std::move(read)), body_(std::move(body)), rest_(rest) {}

  Task<Result<Slice>> read(CancelScope& scope) override {
    if (!read_.empty()) co_return read_.pop();
    if (rest_ == Rest::kRead) co_return Slice{};
    Result<Slice> bytes = co_await body_.read(scope);
    co_return bytes;
  }
  [[nodiscard]] bool ready() const noexcept override {
    return !read_.empty() || rest_ == Rest::kRead || body_.ready();
  }
  [[nodiscard]] const http::Headers* trailers() const noexcept override { return body_.trailers(); }

 private:
  SliceQueue read_;
  http::Body body_;
  Rest rest_;
};

}  // namespace

Task<Result<std::optional<Slice>>> hold_body(http::Body& body, std::uint64_t most,
                                             CancelScope& scope) {
  if (const Slice* whole = body.whole()) {
    std::optional<Slice> held;
    if (whole->size() <= most) held = *whole;
    co_return held;
  }
  SliceQueue pieces;
  const auto put_back = [&](PutBack::Rest rest) {
    const auto length = body.length();
    body = http::Body(std::make_unique<PutBack>(std::move(pieces), std::move(body), rest), length);
  };
  while (pieces.bytes() <= most) {
    CO_TRY(Slice piece, co_await body.read(scope));
    if (!piece.empty()) {
      pieces.push(std::move(piece));
      continue;
    }
    Slice all = joined(pieces);
    if (body.trailers() == nullptr) {
      body = http::Body(all);
    } else {
      put_back(PutBack::Rest::kRead);
    }
    co_return std::optional<Slice>(std::move(all));
  }
  put_back(PutBack::Rest::kMore);
  co_return std::nullopt;
}

}  // namespace outrigger::filters
