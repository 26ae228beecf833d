// Requests, answers and times for the tests of the cache's rules.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "filters/cache/page_date.h"
#include "filters/cache/storing.h"
#include "proxy/http/message.h"

namespace outrigger::filters {

using FieldText = std::pair<std::string, std::string>;
using FieldTexts = std::vector<FieldText>;

inline constexpr std::int64_t kSecondUs = 1'000'000;
// Sat, 28 Nov 2026 06:00:00 GMT
inline constexpr std::int64_t kNow = 1'795'845'600 * kSecondUs;

inline std::int64_t later(Duration by) {
  return kNow + std::chrono::duration_cast<std::chrono::microseconds>(by).count();
}
inline std::string date_in(Duration by) {
  return page_date(later(by));
}

inline http::Headers headers_of(const FieldTexts& fields) {
  http::Headers headers;
  for (const auto& [name, value] : fields) headers.add(name, value);
  return headers;
}

inline http::ResponseHead answer_of(int status, const FieldTexts& fields) {
  http::ResponseHead head;
  head.status = status;
  head.headers = headers_of(fields);
  return head;
}

inline StoredHead stored_of(int status, const FieldTexts& fields) {
  StoredHead head{.status = status, .fields = {}, .length = {}};
  for (const auto& [name, value] : fields) head.fields.push_back({name, value});
  return head;
}

inline PageRequest page_request(const FieldTexts& fields) {
  const http::Headers headers = headers_of(fields);
  return {http::Method::kGet, caller_of(headers), request_directives(headers)};
}

}  // namespace outrigger::filters
