#include "filters/intake/edited_body.h"

#include <algorithm>
#include <string>
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

ClientBody put_body(Exchange& exchange, std::string_view text, std::string_view suffix) {
  http::Headers& headers = exchange.request.head.headers;
  std::erase_if(headers.fields(), is_digest);
  if (headers.find(http::HeaderId::kContentLength) != nullptr) {
    headers.set("Content-Length", fmt::format_int(text.size()).c_str());
  }
  const std::string_view key = headers.get(http::HeaderId::kIdempotencyKey);
  if (!key.empty()) headers.set("Idempotency-Key", fmt::format("{}-{}", key, suffix));
  return {std::exchange(exchange.request.body, http::Body(Slice::copy(text))),
          std::exchange(exchange.replay, nullptr)};
}

void put_back(Exchange& exchange, ClientBody body) noexcept {
  exchange.request.body = std::move(body.body);
  exchange.replay = body.replay;
}

}  // namespace outrigger::filters
