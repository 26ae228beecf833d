#include "filters/validate/substitute.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

namespace outrigger::filters {
namespace {

bool is_digest(const http::Field& field) noexcept {
  return std::ranges::any_of(
      std::initializer_list<std::string_view>{"content-md5", "content-digest", "repr-digest",
                                              "digest"},
      [&](std::string_view name) { return http::equals_ignore_case(field.name, name); });
}

}  // namespace

void Substitute::put(std::string_view body, std::string_view suffix) {
  http::Headers& headers = exchange_.request.head.headers;
  if (put_) {
    headers.fields() = fields_;
  } else {
    put_ = true;
    fields_ = headers.fields();
    body_ = std::exchange(exchange_.request.body, http::Body());
    replay_ = std::exchange(exchange_.replay, nullptr);
  }
  std::erase_if(headers.fields(), is_digest);
  exchange_.request.body = http::Body(Slice::copy(body));
  if (headers.find(http::HeaderId::kContentLength) != nullptr) {
    headers.set("Content-Length", fmt::format_int(body.size()).c_str());
  }
  const std::string_view key = headers.get(http::HeaderId::kIdempotencyKey);
  if (!key.empty()) headers.set("Idempotency-Key", fmt::format("{}-{}", key, suffix));
}

void Substitute::restore() noexcept {
  exchange_.request.head.headers.fields() = std::move(fields_);
  exchange_.request.body = std::move(body_);
  exchange_.replay = replay_;
}

}  // namespace outrigger::filters
