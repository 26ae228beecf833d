#include "filters/retry/give_up.h"

#include <algorithm>
#include <charconv>
#include <chrono>

#include <fmt/format.h>

namespace outrigger::filters {
namespace {

constexpr std::string_view kWords[] = {"x-should-retry", "stripe-should-retry"};

}  // namespace

void advise_to_give_up(http::ResponseHead& head, std::optional<Duration> come_back,
                       std::uint16_t status) {
  for (const std::string_view name : kWords) {
    head.headers.remove(name);
    head.headers.add_view(http::HeaderId::kOther, name, "false");
  }
  if (come_back) {
    const std::int64_t ms =
        std::max<std::int64_t>(std::chrono::ceil<std::chrono::milliseconds>(*come_back).count(), 1);
    head.headers.set("Retry-After", fmt::format_int((ms + 999) / 1000).c_str());
    head.headers.set("retry-after-ms", fmt::format_int(ms).c_str());
  }
  if (status == 0) return;
  head.status = status;
  head.reason = {};
}

std::optional<bool> should_retry(const http::Headers& headers) noexcept {
  for (const std::string_view name : kWords) {
    const http::Field* field = headers.find(name);
    if (field == nullptr) continue;
    if (http::equals_ignore_case(field->value, "true")) return true;
    if (http::equals_ignore_case(field->value, "false")) return false;
  }
  return std::nullopt;
}

std::uint32_t client_retries(const http::Headers& headers) noexcept {
  const http::Field* field = headers.find(http::HeaderId::kXStainlessRetryCount);
  if (field == nullptr) return 0;
  std::uint32_t count = 0;
  const char* end = field->value.data() + field->value.size();
  const auto [at, error] = std::from_chars(field->value.data(), end, count);
  return error == std::errc() && at == end ? count : 0;
}

}  // namespace outrigger::filters
