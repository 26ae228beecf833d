#include "filters/intake/edited_body.h"

#include <algorithm>
#include <string>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "filters/digest/digest.h"
#include "filters/json/json_set.h"
#include "proxy/base/json_writer.h"

namespace outrigger::filters {
namespace {

bool is_digest(const http::Field& field) noexcept {
  return std::ranges::any_of(
      std::initializer_list<std::string_view>{"content-md5", "content-digest", "repr-digest",
                                              "digest"},
      [&](std::string_view name) { return http::equals_ignore_case(field.name, name); });
}

// Always the same of the same, and no longer than the upstream takes.
std::string other_key(std::string_view key, std::string_view suffix, std::size_t most) {
  std::string other = fmt::format("{}-{}", key, suffix);
  if (other.size() <= most) return other;
  Sha256 sha256;
  sha256.add(other);
  const Digest digest = sha256.finish();
  return fmt::format("{:02x}", fmt::join(digest, "")).substr(0, most);
}

// Where `idempotency` has told the upstream the key.
void change_told_key(Exchange& exchange, std::string& body, std::string_view suffix) {
  const config::UpstreamKey& where = exchange.routed.policies->idempotency->upstream;
  const std::string other = other_key(exchange.upstream_key, suffix, where.max_length);
  if (!where.header.empty()) exchange.request.head.headers.set(where.header, other);
  if (where.json.empty()) return;
  std::string text;
  JsonWriter(text).value(other);
  if (auto edited = json_set(body, where.json, text)) body = std::move(*edited);
}

}  // namespace

ClientBody put_body(Exchange& exchange, std::string text, std::string_view suffix) {
  http::Headers& headers = exchange.request.head.headers;
  std::erase_if(headers.fields(), is_digest);
  const std::string_view key = headers.get(http::HeaderId::kIdempotencyKey);
  if (!exchange.upstream_key.empty() && exchange.routed.policies->idempotency) {
    change_told_key(exchange, text, suffix);
  } else if (!key.empty()) {
    headers.set("Idempotency-Key", fmt::format("{}-{}", key, suffix));
  }
  if (headers.find(http::HeaderId::kContentLength) != nullptr) {
    headers.set("Content-Length", fmt::format_int(text.size()).c_str());
  }
  return {std::exchange(exchange.request.body, http::Body(Slice::copy(text))),
          std::exchange(exchange.replay, nullptr)};
}

void put_back(Exchange& exchange, ClientBody body) noexcept {
  exchange.request.body = std::move(body.body);
  exchange.replay = body.replay;
}

}  // namespace outrigger::filters
