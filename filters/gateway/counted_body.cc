#include "filters/gateway/counted_body.h"

#include <string>

namespace outrigger::filters {

Error body_too_large(std::uint64_t limit) {
  return {Errc::kTooLarge, Origin::kClient, Phase::kNoConnection, "body_too_large",
          "the request body is larger than the " + std::to_string(limit) +
              " bytes that max_request_body allows"};
}

Task<Result<Slice>> CountedBody::read(CancelScope& scope) {
  Result<Slice> bytes = co_await inner_->read(scope);
  if (!bytes) co_return bytes;
  count_ += bytes->size();
  if (limit_ && count_ > *limit_) co_return std::unexpected(body_too_large(*limit_));
  co_return bytes;
}

}  // namespace outrigger::filters
